//! Carries out an update: the copy of the data, the switch, and the probation of the new version.

mod backoff;
mod probation;
mod snapshot;
mod switch;
pub(super) mod tasks;

use std::time::SystemTime;

use self::tasks::{Copied, Progress};
use super::Actor;
use crate::{
    engine::error::EngineErrorKind,
    error::{Error, ErrorKind},
    model::{
        desired::Desired,
        failure::{Failure, FailureCause},
        update::{UpdateOutcome, UpdateResult, UpdateStage, UpdateState},
        version::{UpdateRecord, UpdateStep, lost_snapshot},
    },
    plugin::update_plan::{UpdateOrder, WAYS_OUT},
    reconcile::machine::step::{Hold, Input},
};

impl Actor {
    /// Resumes an update that the last host left under way.
    pub(super) fn resume_update(&mut self) {
        self.close_desk();
        match self.record.updates.step {
            UpdateStep::Idle => {}
            UpdateStep::Probation => self.watch_version(),
            UpdateStep::Restoring { .. } => self.feed(Input::Hold(Hold::Gone)),
        }
    }

    /// Accepts an update. `drive_update` carries it out.
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
        self.updating.since = SystemTime::now();
        self.updating.backoff.succeeded();
        if self.wants_snapshot() {
            self.feed(Input::Hold(Hold::Down));
        }
        Ok(())
    }

    /// Returns the update that is under way, for readers.
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

    /// Returns why the plugin is held for longer than a copy takes.
    pub(super) const fn update_trouble(&self) -> Option<&Failure> {
        self.updating.trouble.as_ref()
    }

    /// Does what is due for an update. Called before the actor waits, whatever it did.
    pub(super) async fn drive_update(&mut self) {
        if let Desired::Removed { with_data } = self.machine.desired() {
            if self.updating.order.is_some() {
                self.updating.copying.stop();
                self.give_up("it is being uninstalled".to_owned()).await;
            }
            if with_data {
                // The data is about to be removed, so nothing is put back any more.
                return self.updating.copying.stop();
            }
        }
        if self.updating.copying.is_under_way() || !self.updating.backoff.may_try() {
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
        } else if !self.diagnosis.explaining.is_under_way() && self.updating.verdict.is_some() {
            // The lines of the run that failed are read first: its container goes with the way
            // back.
            self.conclude().await;
        }
        self.tidy();
    }

    /// Takes in what the background work of an update has come to.
    pub(super) async fn update_progressed(&mut self, progress: Progress) {
        match progress {
            Progress::Copied(copied) if self.updating.order.is_some() => match copied {
                Ok(copied) => {
                    self.updating.ready = Some(matches!(copied, Copied::Done));
                    self.switch().await;
                }
                Err(error) => {
                    let reason = format!("its data could not be copied: {error}; {WAYS_OUT}");
                    self.give_up(reason).await;
                }
            },
            Progress::Copied(Ok(_)) => {
                self.updating.restored = true;
                self.restored(None).await;
            }
            Progress::Copied(Err(error)) if error.kind() == EngineErrorKind::NotFound => {
                // The version that is wanted now left it.
                let lost = lost_snapshot(self.record.manifest.version(), &[error.subject().to_owned()]);
                tracing::error!(plugin = %self.id, "{lost}");
                self.updating.restored = true;
                self.restored(Some(lost)).await;
            }
            Progress::Copied(Err(error)) => {
                let message = format!("its data could not be put back yet: {error}");
                tracing::error!(plugin = %self.id, error = %crate::engine::report::report(&error), "its data could not be put back yet");
                self.updating.trouble = Some(Failure::new(FailureCause::Engine, message));
                self.updating.backoff.failed();
                self.publish();
            }
            Progress::Tidied(names, removed) => self.tidied(&names, removed).await,
            Progress::Again => {}
        }
    }

    /// Ends the update before anything of the plugin has changed.
    async fn give_up(&mut self, reason: String) {
        let Some(order) = self.updating.order.take() else {
            return;
        };
        let mut updates = self.record.updates.clone();
        updates.last = Some(UpdateOutcome {
            from: self.record.manifest.version().clone(),
            to: order.version.manifest.version().clone(),
            at: SystemTime::now(),
            result: UpdateResult::RolledBack { reason },
        });
        if let Err(error) = self.store_updates(updates.clone()).await {
            // Readers see it all the same, until the host restarts; nothing else depends on it.
            tracing::warn!(plugin = %self.id, error = %error.report(), "how the update ended could not be recorded");
            self.record.updates.last = updates.last;
        }
        self.updating.ended += 1;
        self.updating.backoff.succeeded();
        self.close_desk();
        self.feed(Input::Hold(Hold::None));
        self.publish();
    }

    /// Closes the desk while it is open which version settings would be for, and opens it again.
    fn close_desk(&self) {
        let restoring = matches!(self.record.updates.step, UpdateStep::Restoring { .. });
        let closed = self.updating.order.is_some() || restoring;
        self.settings
            .desk
            .close(closed.then_some("it is being updated: configure it when that is over"));
    }

    async fn store_updates(&mut self, updates: UpdateRecord) -> Result<(), Error> {
        self.shared.store.set_updates(&self.id, &updates).await?;
        self.record.updates = updates;
        self.readers.set_record(&self.record);
        Ok(())
    }
}
