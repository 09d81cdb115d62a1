//! Publishes the state of the plugin to readers and to other plugins.

use super::{clock::now, state::Actor};
use crate::plugin::{dependents, snapshot::Snapshot};

impl Actor {
    /// Publishes the next snapshot, and what other plugins need to know.
    pub(super) fn publish(&self) {
        let mut state = self.machine.state(now());
        state.config = self.settings.desk.state();
        state.update = self.update_state();
        state.last_update.clone_from(&self.record.updates.last);
        if let Some(trouble) = self.update_trouble() {
            state.failure = Some(trouble.clone());
        }
        state.autostart = self.record.choices.autostart;
        state.runs_as = self.record.runs_as();
        state.data_loss = self.shared.volumes.loss(&self.id);
        state.operation = self.work.operation;
        let next = Snapshot {
            client: self.client.clone(),
            diagnosing: self.diagnosis.explaining.is_under_way(),
            failures: self.readers.failures(),
            healthy_runs: self.readers.healthy_runs(),
            halted: self.machine.is_halted(),
            rotating: self.record.keys.previous.is_some(),
            told: self.readers.record().clone(),
            updates: self.updating.ended,
            update_failure: self.updating.failure.clone(),
            limits_in_force: (self.work.operator.spec.limits, self.machine.has_its_limits()),
            state,
        };
        dependents::post(&self.shared.board, &self.record, &next.state);
        self.readers.publish(next);
    }
}
