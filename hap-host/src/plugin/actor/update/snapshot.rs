//! The copies of a plugin's data: made before an update, restored by a rollback, removed when they
//! are no longer needed.

use std::{sync::Arc, time::Duration};

use super::{super::Actor, tasks::Copied};
use crate::{
    engine::{
        deadline::{self, within},
        error::{EngineError, EngineErrorKind},
        naming::volume_names,
        volume_copy::VolumeCopy,
    },
    error::Error,
    model::{
        event::{Event, EventKind},
        failure::{Failure, FailureCause},
        update::UpdateResult,
        version::{UpdateStep, lost_snapshot, snapshot_names},
    },
    reconcile::{
        machine::step::{Hold, Input},
        probation::ProbationVerdict,
    },
};

impl Actor {
    /// Returns whether the update begins with a copy of the data.
    pub(super) fn wants_snapshot(&self) -> bool {
        let asked = self.updating.order.as_ref().is_some_and(|order| order.snapshot);
        // No engine without isolation can copy, and the plugin would be stopped for nothing.
        asked && !self.record.manifest.volumes().is_empty() && self.shared.engine.capabilities().isolation
    }

    /// Returns whether a copy may begin. It would collide with the removal of old copies.
    pub(super) fn may_copy(&self) -> bool {
        self.machine.is_held_down() && !self.updating.tidying.is_under_way()
    }

    /// Records the copy that is about to be made, and begins it.
    pub(super) async fn begin_snapshot(&mut self) {
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
        let bound = self
            .updating
            .order
            .as_ref()
            .and_then(|order| order.snapshot_bound);
        self.copy(self.volume_copy(volumes).max_bytes(bound), deadline::DATA);
        self.publish();
    }

    /// Begins to put the data of a snapshot back.
    pub(super) fn begin_restore(&mut self, snapshot: u32) {
        // The snapshot was made of the volumes that this version has.
        let volumes = self.names_of(snapshot).into_iter().zip(self.live_volumes());
        let copy = self.volume_copy(volumes.collect()).require_sources(true);
        self.copy(
            copy.fallback_image(self.updating.other_image.clone()),
            deadline::RESTORE,
        );
    }

    fn volume_copy(&self, volumes: Vec<(String, String)>) -> VolumeCopy {
        let image = self.work.operator.spec.image.clone();
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
        self.updating.copying.begin(copying);
    }

    /// Records that the data of a snapshot is back or, for the reason in `lost`, will not come
    /// back.
    pub(super) async fn restored(&mut self, lost: Option<String>) {
        let UpdateStep::Restoring { snapshot, probation } = self.record.updates.step else {
            return;
        };
        let mut updates = self.record.updates.clone();
        // On the way forward, to earlier data that is gone, the version is not what was asked for.
        let (refused, remark) = match updates.previous {
            Some(_) => (lost, None),
            None => (None, lost),
        };
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
        if let (Some(remark), Some(last)) = (remark, &mut updates.last)
            && let UpdateResult::RolledBack { reason } = &mut last.result
        {
            *reason = format!("{reason}; {remark}");
        }
        if let Err(error) = self.store_updates(updates).await {
            tracing::error!(plugin = %self.id, error = %error.report(), "that its data is back could not be recorded yet");
            return self.updating.backoff.failed();
        }
        self.updating.ended += u64::from(is_over);
        self.go_on_after_restore(probation, refused);
    }

    /// Lets the plugin run on the data that is back, or go back from a version without it.
    fn go_on_after_restore(&mut self, probation: bool, refused: Option<String>) {
        self.updating.restored = false;
        self.updating.trouble = None;
        self.updating.ends_when_restored = false;
        self.close_desk();
        self.updating.backoff.succeeded();
        if let Some(lost) = refused {
            // Held until the version before is back, so that nothing runs in between.
            let failure = Failure::new(FailureCause::Refused, lost);
            return self.updating.judged(ProbationVerdict::Failed(failure));
        }
        if probation {
            self.watch_version();
        }
        self.feed(Input::Hold(Hold::None));
        self.publish();
    }

    /// Records that the snapshot of what the previous version left is gone, and tells it once.
    pub(in crate::plugin::actor) async fn snapshot_lost(
        &mut self,
        snapshot: u32,
        missing: Vec<String>,
    ) -> Result<(), Error> {
        let mut updates = self.record.updates.clone();
        let Some(previous) = updates.previous.as_mut() else {
            return Ok(());
        };
        // Another one may be made or put back meanwhile.
        if previous.snapshot != Some(snapshot) || self.update_state().is_some() {
            return Ok(());
        }
        let rest = previous.snapshot_volumes(&self.shared.instance);
        let version = previous.manifest.version().clone();
        previous.snapshot = None;
        previous.snapshot_lost = true;
        updates.discard(rest.into_iter().filter(|name| !missing.contains(name)));
        self.store_updates(updates).await?;
        tracing::error!(plugin = %self.id, "{}", lost_snapshot(&version, &missing));
        let kind = EventKind::SnapshotLost {
            version,
            volumes: missing,
        };
        // Nobody listening is fine.
        let _ = self.shared.events.send(Event::now(self.id.clone(), kind));
        self.publish();
        Ok(())
    }

    /// Begins to remove the copies that are no longer needed.
    pub(super) fn tidy(&mut self) {
        let idle = !self.updating.tidying.is_under_way()
            && !self.updating.copying.is_under_way()
            && self.updating.order.is_none();
        let restoring = matches!(self.record.updates.step, UpdateStep::Restoring { .. });
        if self.record.updates.discarded.is_empty() || !idle || restoring || !self.updating.backoff.may_try()
        {
            return;
        }
        let (engine, instance) = (Arc::clone(&self.shared.engine), self.shared.instance.clone());
        let (plugin, names) = (self.id.clone(), self.record.updates.discarded.clone());
        let tidying = async move {
            let removal = engine.remove_some_volumes(&instance, &plugin, &names);
            let removed = within(deadline::CONTROL, "remove volumes", plugin.as_str(), removal).await;
            (names, removed)
        };
        self.updating.tidying.begin(tidying);
    }

    /// Records which copies have been removed.
    pub(super) async fn tidied(&mut self, names: &[String], removed: Result<(), EngineError>) {
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
            Ok(()) => self.updating.backoff.succeeded(),
            Err(error) => {
                tracing::warn!(plugin = %self.id, error, "copies of its data could not be removed yet");
                self.updating.backoff.failed();
            }
        }
    }

    /// Removes every copy of the data of a plugin that is uninstalled. The data itself is not
    /// touched. Returns whether the copies are gone; if not, the supervisor ends, and the record
    /// has to stay so that the next supervisor finds them.
    pub(in crate::plugin::actor) async fn remove_copies(&mut self) -> bool {
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
                    self.updating.backoff.failed();
                }
            }
            tokio::select! {
                () = cancel.cancelled() => return false,
                // No request is served any more; the caller learns that from the dropped reply.
                Some(_) = self.inputs.mailbox.recv() => {}
                () = self.updating.backoff.wait() => {}
            }
        }
    }

    /// Returns the names of the volumes that the plugin runs on.
    fn live_volumes(&self) -> Vec<String> {
        volume_names(&self.shared.instance, &self.record.manifest)
    }

    /// Returns the names of the volumes of a snapshot.
    fn names_of(&self, snapshot: u32) -> Vec<String> {
        snapshot_names(&self.shared.instance, &self.record.manifest, snapshot)
    }
}
