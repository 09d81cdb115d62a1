//! Carries out an update: the copy of the data, the switch, and what the watch over the new version leads to.

use std::{sync::Arc, time::Duration};

use futures_util::future::FutureExt;
use hap_manifest::permission::Permission;
use time::OffsetDateTime;

use super::{
    Actor,
    clock::now,
    spec::version_terms,
    update_tasks::{Copied, Progress},
};
use crate::{
    engine::{
        deadline::{self, within},
        error::{EngineError, EngineErrorKind},
        naming::volume_names,
        volume_copy::VolumeCopy,
    },
    error::{Error, ErrorKind},
    model::{
        desired::Desired,
        failure::{Failure, FailureCause},
        run_policy::ProbationPolicy,
        update::{UpdateOutcome, UpdateResult, UpdateStage, UpdateState},
        version::{PluginVersion, SettingsChange, UpdateRecord, UpdateStep, snapshot_names},
    },
    plugin::update_plan::UpdateOrder,
    policy::refusal::words,
    reconcile::{
        machine::step::{Hold, Input},
        probation::ProbationVerdict,
    },
};

impl Actor {
    /// Goes on with an update that the last host left under way.
    pub(super) fn resume_update(&mut self) {
        self.close_desk();
        match self.record.updates.step {
            UpdateStep::Idle => {}
            UpdateStep::Probation => self.watch_version(),
            UpdateStep::Restoring { .. } => self.feed(Input::Hold(Hold::Gone)),
        }
    }

    /// Takes an update on.
    pub(super) fn begin_update(&mut self, order: Box<UpdateOrder>) -> Result<(), Error> {
        if self.update_state().is_some() {
            let message = "another update of it is under way";
            return Err(Error::new(ErrorKind::Busy, message).with_plugin(&self.id));
        }
        if let Desired::Removed { .. } = self.machine.desired() {
            return Err(Error::new(ErrorKind::Gone, "it is being uninstalled").with_plugin(&self.id));
        }
        self.updating.order = Some(order);
        self.updating.ready = None;
        self.close_desk();
        self.updating.recalled = false;
        self.updating.failure = None;
        self.updating.since = OffsetDateTime::now_utc();
        self.updating.succeeded();
        if self.wants_snapshot() {
            self.feed(Input::Hold(Hold::Down));
        }
        Ok(())
    }

    /// Somebody does not want to wait for what the watch comes to.
    pub(super) fn end_probation(&mut self) -> Result<(), Error> {
        if self.record.updates.step != UpdateStep::Probation {
            let message = "no version of it is on probation any more";
            return Err(Error::new(ErrorKind::Busy, message).with_plugin(&self.id));
        }
        let failure = Failure::new(FailureCause::Exited, "it was asked to go back");
        self.feed(Input::Probation(None));
        self.updating.recalled = true;
        self.updating.judged(ProbationVerdict::Failed(failure));
        Ok(())
    }

    pub(super) async fn forget_previous(&mut self) -> Result<(), Error> {
        if self.update_state().is_some() {
            let message = "an update of it is under way";
            return Err(Error::new(ErrorKind::Busy, message).with_plugin(&self.id));
        }
        let mut updates = self.record.updates.clone();
        if let Some(previous) = updates.previous.take() {
            updates.discard(previous.snapshot_volumes(&self.shared.instance));
            self.store_updates(updates).await?;
            self.publish();
        }
        Ok(())
    }

    /// What is taken from a plugin is not given back to it with the version before.
    pub(super) async fn revoke_of_previous(&mut self, revoked: &[Permission]) -> Result<(), Error> {
        let mut updates = self.record.updates.clone();
        let Some(previous) = &mut updates.previous else {
            return Ok(());
        };
        previous.admission = previous.admission.without(revoked);
        if updates == self.record.updates {
            return Ok(());
        }
        self.store_updates(updates).await
    }

    /// The update that is under way, for readers.
    pub(super) fn update_state(&self) -> Option<UpdateState> {
        let updates = &self.record.updates;
        let current = self.record.manifest.version();
        let (from, to, stage) = match (&self.updating.order, updates.step) {
            (Some(order), _) => (current, order.version.manifest.version(), UpdateStage::Snapshot),
            (None, UpdateStep::Idle) => return None,
            (None, UpdateStep::Probation) => {
                let previous = updates.previous.as_ref();
                let from = previous.map_or(current, |previous| previous.manifest.version());
                (from, current, UpdateStage::Probation)
            }
            (None, UpdateStep::Restoring { .. }) => (current, current, UpdateStage::Restore),
        };
        Some(UpdateState {
            from: from.clone(),
            to: to.clone(),
            stage,
            since: self.updating.since,
        })
    }

    /// Does what is due for an update. Called after everything that may have changed what that is.
    pub(super) async fn drive_update(&mut self) {
        if let Desired::Removed { with_data } = self.machine.desired() {
            if self.updating.order.is_some() {
                self.stop_copying();
                self.give_up("it is being uninstalled".to_owned()).await;
            }
            if with_data {
                // Nothing is put back any more that is about to be removed.
                return self.stop_copying();
            }
        }
        if self.updating.is_copying || !self.updating.may_try() {
            return;
        }
        if self.updating.order.is_some() {
            if self.updating.ready.is_some() || !self.wants_snapshot() {
                self.switch().await;
            } else if self.may_copy() {
                self.begin_snapshot().await;
            }
        } else if let UpdateStep::Restoring { snapshot, .. } = self.record.updates.step {
            if self.updating.restored {
                self.restored(None).await;
            } else if self.may_copy() {
                self.begin_restore(snapshot);
            }
        } else if !self.reading_lines && self.updating.verdict.is_some() {
            // The lines of the run that failed are read first: its container goes with the way back.
            self.conclude().await;
        }
        self.tidy();
    }

    /// What removes copies would take away what a copy is made by.
    fn may_copy(&self) -> bool {
        self.machine.is_held_down() && !self.updating.is_tidying
    }

    fn stop_copying(&mut self) {
        self.updating.copying = None.into();
        self.updating.is_copying = false;
    }

    pub(super) async fn update_progressed(&mut self, progress: Progress) {
        match progress {
            Progress::Copied(copied) if self.updating.order.is_some() => match copied {
                Ok(copied) => {
                    self.updating.ready = Some(matches!(copied, Copied::Done));
                    self.switch().await;
                }
                Err(error) => {
                    let reason = format!(
                        "its data could not be copied: {error}; say so with UpdateOptions::without_snapshot to \
                         go on without a copy"
                    );
                    self.give_up(reason).await;
                }
            },
            Progress::Copied(Ok(_)) => {
                self.updating.restored = true;
                self.restored(None).await;
            }
            Progress::Copied(Err(error)) if error.kind() == EngineErrorKind::NotFound => {
                let lost = format!("the copy of its data is gone, so its data is as it was left: {error}");
                tracing::error!(plugin = %self.id, "{lost}");
                self.updating.restored = true;
                self.restored(Some(lost)).await;
            }
            Progress::Copied(Err(error)) => {
                let message = format!("its data could not be put back yet: {error}");
                tracing::error!(plugin = %self.id, error = %crate::engine::report::report(&error), "its data could not be put back yet");
                self.updating.trouble = Some(Failure::new(FailureCause::Engine, message));
                self.updating.failed();
                self.publish();
            }
            Progress::Tidied(names, removed) => self.tidied(&names, removed).await,
            Progress::Again => {}
        }
    }

    /// Why the plugin is held for longer than a copy takes.
    pub(super) const fn update_trouble(&self) -> Option<&Failure> {
        self.updating.trouble.as_ref()
    }

    /// No settings are taken while it is not decided which version they are for.
    fn close_desk(&self) {
        let restoring = matches!(self.record.updates.step, UpdateStep::Restoring { .. });
        let closed = self.updating.order.is_some() || restoring;
        self.config
            .close(closed.then_some("it is being updated: configure it when that is over"));
    }

    /// Whether the order that was taken on begins with a copy of the data.
    fn wants_snapshot(&self) -> bool {
        let asked = self.updating.order.as_ref().is_some_and(|order| order.snapshot);
        // Without isolation there is no engine that can, and the plugin would be stopped for nothing.
        asked && !self.record.manifest.volumes().is_empty() && self.shared.engine.capabilities().isolation
    }

    async fn begin_snapshot(&mut self) {
        let mut updates = self.record.updates.clone();
        updates.snapshots = updates.snapshots.saturating_add(1);
        let names = self.names_of(updates.snapshots);
        updates.discard(names.iter().cloned());
        if let Err(error) = self.store_updates(updates).await {
            return self
                .give_up(format!("its snapshot could not be recorded: {error}"))
                .await;
        }
        let volumes = self.live_volumes().into_iter().zip(names).collect();
        self.copy(self.volume_copy(volumes), deadline::DATA);
        self.publish();
    }

    fn begin_restore(&mut self, snapshot: u32) {
        // The snapshot was made of the volumes that this version has.
        let volumes = self.names_of(snapshot).into_iter().zip(self.live_volumes());
        let copy = self.volume_copy(volumes.collect()).requiring_sources();
        self.copy(
            copy.or_image(self.updating.other_image.clone()),
            deadline::RESTORE,
        );
    }

    fn volume_copy(&self, volumes: Vec<(String, String)>) -> VolumeCopy {
        let image = self.operator.spec.image.clone();
        VolumeCopy::new(self.shared.instance.clone(), self.id.clone(), image, volumes)
    }

    fn copy(&mut self, copy: VolumeCopy, limit: Duration) {
        let engine = Arc::clone(&self.shared.engine);
        let copying = async move {
            let subject = copy.plugin.as_str();
            match within(limit, "copy volumes", subject, engine.copy_volumes(&copy)).await {
                Err(error) if error.kind() == EngineErrorKind::Unsupported => {
                    tracing::warn!(
                        plugin = subject,
                        "this engine cannot copy volumes: its data stays as it is"
                    );
                    Ok(Copied::Unable)
                }
                done => done.map(|()| Copied::Done),
            }
        };
        self.updating.copying = Some(copying.boxed()).into();
        self.updating.is_copying = true;
    }

    /// Puts the new version in the place of the old one: all at once, on disk first.
    async fn switch(&mut self) {
        let Some(mut order) = self.updating.order.take() else {
            return;
        };
        // By what is granted now: some of it may have been revoked since the order was made.
        let admission = order.admission(&self.record.admission);
        let refusals = self.shared.policy.judge(&order.version.manifest, &admission);
        if !refusals.is_empty() {
            self.updating.order = Some(order);
            let reason = format!("it is no longer permitted: it {}", words(&refusals));
            return self.give_up(reason).await;
        }
        order.version.admission = admission;
        let instance = self.shared.instance.clone();
        let copied = self.updating.ready.unwrap_or(false);
        let mut updates = self.record.updates.clone();
        updates.switches += 1;
        let snapshot = copied.then_some(updates.snapshots);
        let old = PluginVersion {
            snapshot,
            ..self.record.version()
        };
        updates.keep(&old.snapshot_volumes(&instance));
        if let Some(before) = updates.previous.replace(old)
            && order.restore.is_none()
        {
            updates.discard(before.snapshot_volumes(&instance));
        }
        let wanted = self.machine.desired() == Desired::Running;
        updates.step = match order.restore {
            Some(snapshot) => UpdateStep::Restoring {
                snapshot,
                probation: wanted,
            },
            None if wanted => UpdateStep::Probation,
            None => UpdateStep::Idle,
        };
        let from = self.record.manifest.version().clone();
        let outcome = UpdateOutcome {
            to: order.version.manifest.version().clone(),
            from,
            at: OffsetDateTime::now_utc(),
            result: UpdateResult::Committed,
        };
        // Nobody watches it; but who wants the data of then waits for that.
        let is_over = !wanted && order.restore.is_none();
        if is_over {
            updates.last = Some(outcome);
        }
        let stored = self
            .shared
            .store
            .switch_version(&order.version, &updates, &order.settings)
            .await;
        match stored {
            Ok(settings) => {
                self.updating.ends_when_restored = !wanted && !is_over;
                self.adopt_version(order.version, updates, settings);
                if is_over {
                    self.updating.ended += 1;
                }
                self.publish();
            }
            // It may be on the disk: asked again, the store says so, or does it.
            Err(error) if error.kind() == ErrorKind::Timeout => {
                tracing::error!(plugin = %self.id, error = %error.report(), "the new version could not be recorded yet");
                self.updating.ready = Some(copied);
                self.updating.order = Some(order);
                self.updating.failed();
            }
            Err(error) => {
                self.updating.order = Some(order);
                self.give_up(format!("the new version could not be recorded: {error}"))
                    .await;
            }
        }
    }

    /// The watch is over.
    async fn conclude(&mut self) {
        let Some(verdict) = self.updating.verdict.clone() else {
            return;
        };
        let done = match verdict {
            ProbationVerdict::Passed => self.commit().await,
            ProbationVerdict::Failed(failure) => {
                // By now its traces have been read, if there were any.
                let explained = self.machine.state(now()).last_failure;
                let explained = explained.filter(|explained| explained.message == failure.message);
                let failure = explained.unwrap_or(failure);
                let reason = failure.to_string();
                self.updating.failure = (!self.updating.recalled).then(|| Arc::new(failure));
                self.revert(reason).await
            }
        };
        match done {
            Ok(()) => {
                self.updating.verdict = None;
                self.updating.ended += 1;
                self.updating.succeeded();
                self.publish();
            }
            Err(error) => {
                tracing::error!(plugin = %self.id, error = %error.report(), "what became of the update could not be recorded yet");
                self.updating.failed();
            }
        }
    }

    async fn commit(&mut self) -> Result<(), Error> {
        let mut updates = self.record.updates.clone();
        updates.step = UpdateStep::Idle;
        updates.last = self.outcome(UpdateResult::Committed);
        tracing::info!(plugin = %self.id, version = %self.record.manifest.version(), "the new version has proven itself");
        self.store_updates(updates).await
    }

    async fn revert(&mut self, reason: String) -> Result<(), Error> {
        let mut updates = self.record.updates.clone();
        let Some(old) = updates.previous.take() else {
            // Nothing to go back to: whoever asked for it was told so before.
            updates.step = UpdateStep::Idle;
            return self.store_updates(updates).await;
        };
        updates.switches += 1;
        updates.last = self.outcome(UpdateResult::RolledBack { reason });
        updates.step = match old.snapshot {
            Some(snapshot) => UpdateStep::Restoring {
                snapshot,
                probation: false,
            },
            None => UpdateStep::Idle,
        };
        let old = PluginVersion {
            snapshot: None,
            ..old
        };
        let settings = self
            .shared
            .store
            .switch_version(&old, &updates, &SettingsChange::Previous)
            .await?;
        tracing::warn!(plugin = %self.id, version = %self.record.manifest.version(), back = %old.manifest.version(), "the version did not prove itself, and the one before comes back");
        self.adopt_version(old, updates, settings);
        Ok(())
    }

    fn outcome(&self, result: UpdateResult) -> Option<UpdateOutcome> {
        let current = self.record.manifest.version();
        let previous = self.record.updates.previous.as_ref();
        Some(UpdateOutcome {
            from: previous
                .map_or(current, |previous| previous.manifest.version())
                .clone(),
            to: current.clone(),
            at: OffsetDateTime::now_utc(),
            result,
        })
    }

    /// The update ends before anything of the plugin was changed.
    async fn give_up(&mut self, reason: String) {
        let Some(order) = self.updating.order.take() else {
            return;
        };
        let mut updates = self.record.updates.clone();
        updates.last = Some(UpdateOutcome {
            from: self.record.manifest.version().clone(),
            to: order.version.manifest.version().clone(),
            at: OffsetDateTime::now_utc(),
            result: UpdateResult::RolledBack { reason },
        });
        if let Err(error) = self.store_updates(updates.clone()).await {
            // Told all the same; nothing but the telling after a restart of the host depends on it.
            tracing::warn!(plugin = %self.id, error = %error.report(), "how the update ended could not be recorded");
            self.record.updates.last = updates.last;
        }
        self.updating.ended += 1;
        self.updating.succeeded();
        self.close_desk();
        self.feed(Input::Hold(Hold::None));
        self.publish();
    }

    /// The data of a snapshot is back, or, for the reason that is told, will not come back.
    async fn restored(&mut self, lost: Option<String>) {
        let UpdateStep::Restoring { snapshot, probation } = self.record.updates.step else {
            return;
        };
        let mut updates = self.record.updates.clone();
        // On the way forward, to earlier data that is gone, the version is not what was asked for.
        let refused = lost.clone().filter(|_| updates.previous.is_some());
        updates.step = if probation || refused.is_some() {
            UpdateStep::Probation
        } else {
            UpdateStep::Idle
        };
        updates.discard(self.names_of(snapshot));
        let is_over = self.updating.ends_when_restored && refused.is_none();
        if is_over {
            updates.last = self.outcome(UpdateResult::Committed);
        }
        if let (Some(lost), None, Some(last)) = (lost, &refused, &mut updates.last)
            && let UpdateResult::RolledBack { reason } = &mut last.result
        {
            *reason = format!("{reason}; {lost}");
        }
        if let Err(error) = self.store_updates(updates).await {
            tracing::error!(plugin = %self.id, error = %error.report(), "that its data is back could not be recorded yet");
            return self.updating.failed();
        }
        self.updating.restored = false;
        self.updating.trouble = None;
        self.updating.ends_when_restored = false;
        self.updating.ended += u64::from(is_over);
        self.close_desk();
        self.updating.succeeded();
        if let Some(lost) = refused {
            // Held until the version before is back, so that nothing runs in between.
            self.updating.judged(ProbationVerdict::Failed(Failure::new(
                FailureCause::Refused,
                lost,
            )));
            return;
        }
        if probation {
            self.watch_version();
        }
        self.feed(Input::Hold(Hold::None));
        self.publish();
    }

    /// Goes over to a version that is on the disk already. `settings`: those that came with it.
    fn adopt_version(
        &mut self,
        version: PluginVersion,
        updates: UpdateRecord,
        settings: Option<serde_json::Value>,
    ) {
        // What is still being read of a run of the version before says nothing of this one.
        self.diagnosing = None.into();
        self.reading_lines = false;
        self.updating.other_image = self.record.image_id.take();
        self.updating.ready = None;
        self.updating.restored = false;
        self.record.manifest = version.manifest;
        self.record.admission = version.admission;
        self.record.image_id = version.image_id;
        self.record.program = version.program;
        self.record.updates = updates;
        self.updating.since = OffsetDateTime::now_utc();
        self.config.follow(&self.record.manifest);
        self.close_desk();
        let (desk, store) = (Arc::clone(&self.config), self.shared.store.clone());
        // Beside the actor, because a call that configures the plugin may hold the desk for a while.
        self.shared
            .tasks
            .spawn(async move { desk.replace(&store, settings).await });
        self.follow_record();
        let depends = !self.record.manifest.depends_on().is_empty();
        self.board = depends.then(|| self.shared.board.subscribe());
        let step = self.record.updates.step;
        let restoring = matches!(step, UpdateStep::Restoring { .. });
        if restoring {
            // Before the machine hears of the version, or it would start it on data that is about to change.
            self.feed(Input::Hold(Hold::Gone));
        }
        let probation = (step == UpdateStep::Probation).then(|| self.probation());
        let terms = version_terms(&self.shared, &self.record.manifest, &self.operator.spec);
        self.feed(Input::Version(Box::new(terms), probation));
        self.follow_the_board();
        if !restoring {
            self.feed(Input::Hold(Hold::None));
        }
    }

    fn watch_version(&mut self) {
        let policy = self.probation();
        self.feed(Input::Probation(Some(policy)));
    }

    fn probation(&self) -> ProbationPolicy {
        let start_period =
            super::spec::health_policy(&self.shared.health, &self.record.manifest).startup_deadline;
        self.shared.probation.for_start_period(start_period)
    }

    /// Removes volumes that nobody needs any more, beside everything else.
    fn tidy(&mut self) {
        let idle = !self.updating.is_tidying && !self.updating.is_copying && self.updating.order.is_none();
        let restoring = matches!(self.record.updates.step, UpdateStep::Restoring { .. });
        if self.record.updates.discarded.is_empty() || !idle || restoring || !self.updating.may_try() {
            return;
        }
        let (engine, instance) = (Arc::clone(&self.shared.engine), self.shared.instance.clone());
        let (plugin, names) = (self.id.clone(), self.record.updates.discarded.clone());
        let tidying = async move {
            let removal = engine.remove_some_volumes(&instance, &plugin, &names);
            let removed = within(deadline::CONTROL, "remove volumes", plugin.as_str(), removal).await;
            (names, removed)
        };
        self.updating.tidying = Some(tidying.boxed()).into();
        self.updating.is_tidying = true;
    }

    /// Removes every copy of data, with the plugin that it was for. A copy is no data: what the plugin has now stays, if
    /// the caller did not say otherwise. Whether they are gone; if not, the supervisor ends, and the record has to stay so
    /// that the next one finds them.
    pub(super) async fn remove_copies(&mut self) -> bool {
        let instance = self.shared.instance.clone();
        let updates = &self.record.updates;
        let mut names = updates.discarded.clone();
        names.extend(
            updates
                .previous
                .iter()
                .flat_map(|previous| previous.snapshot_volumes(&instance)),
        );
        if let UpdateStep::Restoring { snapshot, .. } = updates.step {
            names.extend(self.names_of(snapshot));
        }
        if names.is_empty() {
            return true;
        }
        let cancel = self.shared.cancel.clone();
        loop {
            let removal = self
                .shared
                .engine
                .remove_some_volumes(&instance, &self.id, &names);
            match within(deadline::CONTROL, "remove volumes", self.id.as_str(), removal).await {
                Ok(()) => return true,
                Err(error) if error.kind() == EngineErrorKind::Unsupported => return true,
                Err(error) => {
                    tracing::warn!(plugin = %self.id, error = %crate::engine::report::report(&error), "copies of its data could not be removed yet");
                    self.updating.failed();
                }
            }
            tokio::select! {
                () = cancel.cancelled() => return false,
                // Nothing can be asked of it any more; the caller learns that by the answer that never comes.
                Some(_) = self.mailbox.recv() => {}
                () = super::clock::sleep_until(self.updating.not_before) => {}
            }
        }
    }

    async fn tidied(&mut self, names: &[String], removed: Result<(), EngineError>) {
        let mut updates = self.record.updates.clone();
        updates.keep(names);
        let done = match removed {
            Ok(()) => self.store_updates(updates).await.map_err(|error| error.report()),
            // There never was such a volume.
            Err(error) if error.kind() == EngineErrorKind::Unsupported => {
                self.store_updates(updates).await.map_err(|error| error.report())
            }
            Err(error) => Err(crate::engine::report::report(&error)),
        };
        match done {
            Ok(()) => self.updating.succeeded(),
            Err(error) => {
                tracing::warn!(plugin = %self.id, error, "copies of its data could not be removed yet");
                self.updating.failed();
            }
        }
    }

    async fn store_updates(&mut self, updates: UpdateRecord) -> Result<(), Error> {
        self.shared.store.set_updates(&self.id, &updates).await?;
        self.record.updates = updates;
        self.told = crate::plugin::snapshot::Told::of(&self.record);
        Ok(())
    }

    fn live_volumes(&self) -> Vec<String> {
        volume_names(&self.shared.instance, &self.record.manifest)
    }

    fn names_of(&self, snapshot: u32) -> Vec<String> {
        snapshot_names(&self.shared.instance, &self.record.manifest, snapshot)
    }
}
