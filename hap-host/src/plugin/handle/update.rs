//! How a plugin's version is changed.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use hap_manifest::{
    Manifest,
    permission::{Permission, requested},
    rfc3339,
};
use semver::Version;
use tokio::time::{Instant, timeout_at};

use super::{
    PluginHandle,
    update_request::{RollBackRequest, UpdateOptions, UpdateRequest},
};
use crate::{
    engine::progress::Progress,
    error::{Error, ErrorKind},
    model::{
        desired::Desired,
        grants::Admission,
        phase::Phase,
        update::{UpdateOutcome, UpdateResult, UpdateStage},
        version::{PluginVersion, SettingsChange},
    },
    plugin::{
        admission::{admit, refuse_if_it_breaks_dependants},
        publisher::{Succession, succession},
        request::Request,
        runs_as,
        settings::{check_settings, keep_earlier_secrets},
        snapshot::Snapshot,
        source::{PluginSource, acquire::Candidate},
        update_plan::{Grants, UpdateOrder},
    },
};

/// Longest wait for a plugin whose old version is back to be healthy again, before the caller is
/// told without that.
const BACK_AGAIN: Duration = Duration::from_secs(60);

impl PluginHandle {
    /// Brings the plugin to another version, and returns when that has proven itself.
    ///
    /// Everything that can be judged is judged first, and the image is pulled or built, while the
    /// old version runs: the manifest, what it asks for against what was granted, its place among
    /// the plugins that depend on each other, the kept settings against the new `config_schema`.
    /// Then the plugin is stopped, its volumes are copied, and the new version takes its place. It
    /// is watched: unless it is healthy for 10 s without a break within 5 min
    /// ([`ProbationPolicy`](crate::ProbationPolicy)), the old version, its settings and its data
    /// come back, and the error says why.
    ///
    /// A plugin that is not wanted running gets the new version without being watched;
    /// [`roll_back`](Self::roll_back) undoes that too. An update to the version that the plugin
    /// has is refused, unless
    /// [`allow_same_version`](UpdateRequest::allow_same_version) asks for a rebuild of it; to what is
    /// the same in every part, that changes nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Failed`]: the new version did not prove itself ([`Error::failure`] says how),
    /// or the data could not be copied; the old one is back. [`ErrorKind::InvalidInput`]: the
    /// source is another plugin, the same or a lower version or no valid plugin, the settings do not
    /// fit, or the data is larger than a snapshot may be. [`ErrorKind::PublisherChanged`]: it is from
    /// another publisher, and the request does not [accept](UpdateRequest::accept_publisher) that.
    /// [`ErrorKind::NotPermitted`]: it asks for what was not granted, see [`Error::violations`].
    /// [`ErrorKind::Dependency`]: it would depend on itself over others, or others do not accept
    /// this version. [`ErrorKind::Image`], [`ErrorKind::Engine`], [`ErrorKind::Store`],
    /// [`ErrorKind::Gone`], [`ErrorKind::ShuttingDown`]. [`ErrorKind::Busy`] while another update
    /// of the plugin is under way. After any of them the old version is the plugin's version.
    /// [`ErrorKind::Timeout`]: it is not decided yet, and goes on.
    ///
    /// # Cancel safety
    /// Dropped before the plugin is stopped, nothing has changed. Later it goes on, and
    /// [`PluginState::update`](crate::model::state::PluginState::update) tells how far it is. So it
    /// is when the host is killed: what was not recorded has not happened, and what was goes on
    /// with the next start.
    ///
    /// ```no_run
    /// # async fn run(light: hap_host::PluginHandle) -> Result<(), hap_host::Error> {
    /// use hap_host::PluginSource;
    ///
    /// match light.update(PluginSource::package("downloads/light-2.0.0.zip")).await {
    ///     Ok(outcome) => println!("{} is {} now", light.id(), outcome.to),
    ///     Err(error) => println!("it stays as it was: {error}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn update(&self, source: impl Into<PluginSource>) -> UpdateRequest {
        UpdateRequest::new(self.clone(), source.into())
    }

    pub(super) async fn go_to(
        &self,
        source: PluginSource,
        options: UpdateOptions,
    ) -> Result<UpdateOutcome, Error> {
        let _turn = self.turn()?;
        let shared = Arc::clone(&self.cell().shared);
        let mut candidate = Candidate::open(source, &options.progress, &shared).await?;
        let (old, new) = (self.manifest(), candidate.manifest.clone());
        self.check_versions(&old, &new, &options)?;
        let before = self.snapshot();
        let origin = candidate.origin();
        let follows = self.check_publisher(&candidate, &options)?;
        let grants = match follows {
            _ if options.grants_all => Grants::All,
            Succession::Accepted => Grants::Only(options.grants.clone()),
            Succession::Same | Succession::FirstKnown => Grants::Added(options.grants.clone()),
        };
        let granted = match follows {
            Succession::Accepted => &[],
            _ => before.told.version.admission.granted(),
        };
        let admission = match &grants {
            Grants::All => Admission::new(origin, requested(&new), &new),
            _ => Admission::new(origin, granted.iter().chain(&options.grants).cloned(), &new),
        };
        let may_build = options.grants_all
            || granted
                .iter()
                .chain(&options.grants)
                .any(|one| *one == Permission::Build);
        let admission = admission.with_build(may_build && candidate.needs_build());
        admit(&new, &admission, candidate.dockerfile(), &shared)?;
        if !options.ignore_dependents {
            refuse_if_it_breaks_dependants(&new, &shared)?;
        }
        self.settings_for(&old, &new, options.settings.clone()).await?;
        let snapshot_bound = self
            .snapshot_bound(options.snapshot, options.max_snapshot_bytes)
            .await?;
        let image = candidate.image(&shared, options.progress.clone()).await?;
        let before_it = Some(before.told.version.as_ref());
        let runs_as = runs_as::decide(&shared, &new, &image, before_it, &options.progress).await?;
        let admission = admission.with_runs_as(runs_as);
        // Again, because that may have taken minutes.
        let settings = self.settings_for(&old, &new, options.settings.clone()).await?;
        let version = PluginVersion {
            manifest: new,
            admission,
            image_id: Some(image.as_str().to_owned()),
            program: options.program.or_else(|| before.told.version.program.clone()),
            snapshot: None,
            snapshot_lost: false,
        };
        let current = before.told.version.as_ref();
        if version == *current && settings == SettingsChange::Keep {
            return Ok(UpdateOutcome {
                from: old.version().clone(),
                to: old.version().clone(),
                at: SystemTime::now(),
                result: UpdateResult::Committed,
            });
        }
        self.carry_out(UpdateOrder {
            snapshot: options.snapshot,
            snapshot_bound,
            restore: None,
            version,
            grants,
            settings,
        })
        .await
    }

    /// Goes back to the version before the last update.
    ///
    /// While the new version is still watched, that is the end of the watch: the old version
    /// comes back with its settings and its data. Later it is an update like any other, with a
    /// snapshot of its own and a watch: the settings stay where they fit, else those of then come
    /// back, and so does the data, if the request says so. The version that is left is the one to
    /// go back to then.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when there is no version to go back to, or no snapshot of its
    /// data: none was made, or somebody removed it. Else as [`update`](Self::update).
    ///
    /// # Cancel safety
    /// As [`update`](Self::update).
    pub fn roll_back(&self) -> RollBackRequest {
        RollBackRequest::new(self.clone())
    }

    pub(super) async fn go_back(&self, options: &RollBackRequest) -> Result<UpdateOutcome, Error> {
        let before = self.snapshot();
        let refuse =
            |message: String| Err(Error::new(ErrorKind::InvalidInput, message).with_plugin(self.id()));
        if before
            .state
            .update
            .as_ref()
            .is_some_and(|update| update.stage == UpdateStage::Probation)
        {
            self.request(Request::EndProbation).await?;
            let limit = self.update_deadline(&self.manifest());
            return self.concluded(before.updates, limit, false).await;
        }
        let _turn = self.turn()?;
        let Some(previous) = before.told.previous.as_deref().cloned() else {
            return refuse("there is no earlier version to go back to".to_owned());
        };
        let restore = if options.restore_data {
            self.snapshot_to_restore(&previous).await?
        } else {
            None
        };
        if options.restore_data && restore.is_none() {
            return refuse(format!(
                "no snapshot was made of the data that version {} left: the data stays as it is, going back \
                 without it is possible",
                previous.manifest.version()
            ));
        }
        // Its image is there: nothing is built.
        admit(&previous.manifest, &previous.admission, None, &self.cell().shared)?;
        if !options.ignore_dependents {
            refuse_if_it_breaks_dependants(&previous.manifest, &self.cell().shared)?;
        }
        let kept = self
            .settings_for(&self.manifest(), &previous.manifest, None)
            .await;
        let settings = match kept {
            Err(error) if error.kind() == ErrorKind::InvalidInput => SettingsChange::Previous,
            kept => kept?,
        };
        let snapshot_bound = self
            .snapshot_bound(options.snapshot, options.max_snapshot_bytes)
            .await?;
        let version = PluginVersion {
            snapshot: None,
            snapshot_lost: false,
            ..previous
        };
        self.carry_out(UpdateOrder {
            snapshot: options.snapshot,
            snapshot_bound,
            restore,
            version,
            grants: Grants::Earlier,
            settings,
        })
        .await
    }

    /// Forgets the version before the last update, and removes the snapshot of its data. Fine
    /// when there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] while an update is under way. Else as
    /// [`set_desired`](Self::set_desired).
    ///
    /// # Cancel safety
    /// When the future is dropped, it may or may not have been recorded. Once it is, the snapshot
    /// goes as soon as the engine lets it.
    pub async fn forget_previous_version(&self) -> Result<(), Error> {
        let _turn = self.turn()?;
        self.request(Request::ForgetPrevious).await
    }

    /// The version that [`roll_back`](Self::roll_back) would go to; `None` where there is none.
    #[must_use]
    pub fn previous_version(&self) -> Option<Version> {
        let snapshot = self.snapshot();
        snapshot
            .told
            .previous
            .as_ref()
            .map(|previous| previous.manifest.version().clone())
    }

    /// Whether a call prepares an update of the plugin, or waits for one.
    pub(crate) fn prepares_update(&self) -> bool {
        self.cell().updating.try_lock().is_err() || self.state().update.is_some()
    }

    fn turn(&self) -> Result<tokio::sync::MutexGuard<'_, ()>, Error> {
        let busy = |message: String| Error::new(ErrorKind::Busy, message).with_plugin(self.id());
        if let Some(update) = self.state().update {
            return Err(busy(format!(
                "an update from {} to {} is under way, its stage is {} since {}: wait for it, or roll back while it is on probation",
                update.from,
                update.to,
                update.stage,
                rfc3339::format(update.since).unwrap_or_default()
            )));
        }
        let message = "another call prepares an update of it: wait for that";
        self.cell()
            .updating
            .try_lock()
            .map_err(|_| busy(message.to_owned()))
    }

    fn check_versions(&self, old: &Manifest, new: &Manifest, options: &UpdateOptions) -> Result<(), Error> {
        let refuse =
            |message: String| Err(Error::new(ErrorKind::InvalidInput, message).with_plugin(self.id()));
        if new.id() != old.id() {
            return refuse(format!(
                "cannot be updated to {}, which is another plugin: install it",
                new.id()
            ));
        }
        if new.version() < old.version() && !options.allow_downgrade {
            return refuse(format!(
                "{} is lower than the {} that it has: say so with `allow_downgrade`, or roll back",
                new.version(),
                old.version()
            ));
        }
        if new.version() == old.version() && !options.allow_same_version {
            return refuse(format!(
                "{} is the version that it has, so there is nothing to update: raise the version, or say \
                 `allow_same_version` for a rebuild of it",
                new.version()
            ));
        }
        Ok(())
    }

    /// Refuses a version of another publisher that the request does not accept.
    fn check_publisher(&self, candidate: &Candidate, options: &UpdateOptions) -> Result<Succession, Error> {
        let (before, now) = (self.publisher(), candidate.publisher());
        let follows = succession(
            self.id(),
            before.as_ref(),
            &now,
            options.accept_publisher.as_ref(),
        )?;
        if follows == Succession::FirstKnown {
            let told = format!(
                "nobody has recorded who published version {}: from now on the plugin is from {now}",
                self.manifest().version()
            );
            tracing::warn!(plugin = %self.id(), "{told}");
            options.progress.report(Progress::Step(told));
        }
        Ok(follows)
    }

    /// The settings that go with a version. Those that do not fit its schema are refused before
    /// anything stops.
    async fn settings_for(
        &self,
        old: &Manifest,
        new: &Manifest,
        given: Option<serde_json::Value>,
    ) -> Result<SettingsChange, Error> {
        let refuse = |message: String| Error::new(ErrorKind::InvalidInput, message).with_plugin(self.id());
        let kept = self.cell().config.kept().await?;
        match given {
            Some(mut settings) => {
                keep_earlier_secrets(old, new, &mut settings, kept.as_ref()).map_err(refuse)?;
                check_settings(new, &settings).map_err(refuse)?;
                Ok(SettingsChange::Replace(Some(settings)))
            }
            None => {
                if let Some(kept) = &kept {
                    check_settings(new, kept).map_err(|problems| {
                        refuse(format!(
                            "the settings that are kept for it are not for version {}: {problems}; hand in others \
                             with the update (over HTTP in the header `plugin-settings`)",
                            new.version()
                        ))
                    })?;
                }
                Ok(SettingsChange::Keep)
            }
        }
    }

    async fn carry_out(&self, order: UpdateOrder) -> Result<UpdateOutcome, Error> {
        let before = self.snapshot().updates;
        let limit = self.update_deadline(&order.version.manifest);
        let order = Box::new(order);
        self.request(|reply| Request::Update(order, reply)).await?;
        self.concluded(before, limit, true).await
    }

    /// Waits for the end of an update after `before`. `forward`: coming back is a failure.
    async fn concluded(&self, before: u64, limit: Duration, forward: bool) -> Result<UpdateOutcome, Error> {
        let done = self.wait(|snapshot| snapshot.updates > before);
        let done = self.bounded(limit, "its update was not decided", done).await?;
        let Some(outcome) = done.state.last_update.clone() else {
            return Err(Error::new(ErrorKind::Store, "the update left no outcome").with_plugin(self.id()));
        };
        let UpdateResult::RolledBack { reason } = &outcome.result else {
            return Ok(outcome);
        };
        let back = self.back_again().await;
        if !forward {
            return Ok(outcome);
        }
        let message = format!(
            "could not be updated from {} to {}, and {back}: {reason}",
            outcome.from, outcome.to
        );
        let failure = done.update_failure.as_deref().cloned();
        let error = Error::new(ErrorKind::Failed, message).with_plugin(self.id());
        Err(error.with_failure(failure))
    }

    /// Says what has become of the old version, after a moment for it to come up.
    async fn back_again(&self) -> &'static str {
        let until = Instant::now() + BACK_AGAIN;
        let settled = |snapshot: &Snapshot| {
            let state = &snapshot.state;
            state.desired != Desired::Running || state.phase.is_reachable() || state.phase == Phase::Failed
        };
        match timeout_at(until, self.wait(settled)).await {
            Ok(Ok(snapshot)) if snapshot.state.phase.is_reachable() => "the old version runs again",
            Ok(Ok(snapshot)) if snapshot.state.desired != Desired::Running => {
                "the old version is its version again"
            }
            _ => "the old version is its version again but does not run yet",
        }
    }
}
