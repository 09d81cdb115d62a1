//! The probation of a new version, and how it ends.

use std::sync::Arc;
use std::time::SystemTime;

use super::super::{Actor, clock::now, spec::health_policy};
use crate::{
    error::{Error, ErrorKind},
    model::{
        failure::{Failure, FailureCause},
        run_policy::ProbationPolicy,
        update::{UpdateOutcome, UpdateResult},
        version::{PluginVersion, SettingsChange, UpdateStep},
    },
    reconcile::{machine::step::Input, probation::ProbationVerdict},
};

impl Actor {
    /// Begins the probation of the current version.
    pub(super) fn watch_version(&mut self) {
        let policy = self.probation();
        self.feed(Input::Probation(Some(policy)));
    }

    /// Returns the probation policy for the current version.
    pub(super) fn probation(&self) -> ProbationPolicy {
        let start_period = health_policy(&self.shared.health, &self.record.manifest).startup_deadline;
        self.shared.probation.for_start_period(start_period)
    }

    /// Ends the probation as failed, because the caller does not want to wait for its end.
    pub(in crate::plugin::actor) fn end_probation(&mut self) -> Result<(), Error> {
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

    /// Commits the new version or goes back from it, by the verdict of the probation.
    pub(super) async fn conclude(&mut self) {
        let Some(verdict) = self.updating.verdict.clone() else {
            return;
        };
        let done = match verdict {
            ProbationVerdict::Passed => self.commit().await,
            ProbationVerdict::Failed(failure) => {
                // By now the lines of the failed run have been read, if there were any.
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
                self.updating.backoff.succeeded();
                self.publish();
            }
            Err(error) => {
                tracing::error!(plugin = %self.id, error = %error.report(), "what became of the update could not be recorded yet");
                self.updating.backoff.failed();
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

    pub(super) fn outcome(&self, result: UpdateResult) -> Option<UpdateOutcome> {
        let current = self.record.manifest.version();
        let previous = self.record.updates.previous.as_ref();
        Some(UpdateOutcome {
            from: previous
                .map_or(current, |previous| previous.manifest.version())
                .clone(),
            to: current.clone(),
            at: SystemTime::now(),
            result,
        })
    }
}
