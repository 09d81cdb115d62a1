//! Hands inputs to the reconcile machine, and sets in motion what it asks for.

use std::{sync::Arc, time::SystemTime};

use futures_util::future::FutureExt;
use tokio::sync::oneshot;

use super::{
    clock::now,
    diagnose::{self, Listening},
    diagnosis::FailedRun,
    state::Actor,
};
use crate::{
    engine::observed::ContainerId,
    model::{
        activity::OperationKind,
        event::{Event, EventKind},
        failure::{Failure, FailureCause},
    },
    reconcile::machine::{
        observation::Seen,
        step::{Input, Step},
    },
};

impl Actor {
    /// Hands one input to the machine and sets in motion what it asks for.
    pub(super) fn feed(&mut self, input: Input) {
        let was = self.machine.phase();
        let Step {
            op,
            cancel,
            probe,
            verdict,
            events,
            wake_at,
        } = self.machine.step(input, now());
        self.inputs.wake_at = wake_at;
        if let Some(verdict) = verdict {
            self.updating.judged(verdict);
        }
        if cancel {
            self.work.give_up();
        }
        self.update_client();
        let mut listening = op.and_then(|op| self.begin_operation(op, &events));
        if let Some(generation) = probe {
            self.launch_probe(generation);
        }
        for event in events {
            self.emit(event, &mut listening);
        }
        let phase = self.machine.phase();
        if phase.is_reachable() && !was.is_reachable() {
            self.readers.count_healthy_run();
            if let Some(client) = self.client.clone() {
                self.settings.run_began(client, &self.shared);
            }
        } else if was.is_reachable() && !phase.is_reachable() {
            self.settings.run_ended();
        }
        self.publish();
        // Whoever is told finds the state that belongs to it.
        self.tell();
    }

    /// Tells whoever listens what can be told by now.
    pub(super) fn tell(&mut self) {
        while let Some(event) = self.diagnosis.tell() {
            // Nobody listening is fine.
            let _ = self.shared.events.send(event);
        }
    }

    /// Begins an operation. Before it stops a plugin that does not answer, it asks the engine where
    /// the plugin listens, and the channel carries the answer.
    fn begin_operation(
        &mut self,
        op: OperationKind,
        events: &[EventKind],
    ) -> Option<oneshot::Receiver<Listening>> {
        let container = self.container();
        let silent = container
            .clone()
            .filter(|_| op == OperationKind::Stop && events.iter().any(is_silent));
        let Some(silent) = silent else {
            self.work.begin(op, container, None);
            return None;
        };
        let (sender, listening) = oneshot::channel();
        let look = diagnose::listening(Arc::clone(&self.shared.engine), silent);
        // It can be asked only as long as the plugin runs. The receiver may have gone.
        let before = look.map(|found| drop(sender.send(found)));
        self.work.begin(op, container, Some(before.boxed()));
        Some(listening)
    }

    fn container(&self) -> Option<ContainerId> {
        match self.machine.seen() {
            Seen::Present(observed) => Some(observed.id.clone()),
            _ => None,
        }
    }

    /// Takes in an event for whoever listens, and begins the diagnosis of a failure.
    fn emit(&mut self, kind: EventKind, listening: &mut Option<oneshot::Receiver<Listening>>) {
        let mut explaining = false;
        match &kind {
            EventKind::Failed(failure) => {
                self.readers.count_failure(failure.cause);
                tracing::warn!(plugin = %self.id, cause = ?failure.cause, message = %failure.message, "plugin failed");
                // When runs fail in quick succession, the lines of one are read to their end;
                // otherwise no lines would ever be seen.
                if let Some(container) = self
                    .container()
                    .filter(|_| !self.diagnosis.explaining.is_under_way())
                {
                    self.diagnose(failure.clone(), container, listening.take());
                    explaining = true;
                }
            }
            EventKind::Phase { from, to } => {
                tracing::info!(plugin = %self.id, %from, %to, "plugin phase");
            }
            other => {
                if *other == EventKind::CrashLoopEntered {
                    self.readers.count_crash_loop();
                }
                tracing::warn!(plugin = %self.id, event = ?other, "plugin event");
            }
        }
        self.diagnosis.take(Event::now(self.id.clone(), kind), explaining);
    }

    fn diagnose(
        &mut self,
        failure: Failure,
        container: ContainerId,
        listening: Option<oneshot::Receiver<Listening>>,
    ) {
        let run = FailedRun {
            failure,
            container,
            started_at: self.run_started(),
            listening,
        };
        let engine = Arc::clone(&self.shared.engine);
        self.diagnosis.begin(run, engine, self.settings.redactor());
    }

    fn run_started(&self) -> Option<SystemTime> {
        match self.machine.seen() {
            Seen::Present(observed) => observed.started_at,
            _ => None,
        }
    }
}

/// Returns whether the event is the failure of a plugin that runs and does not answer.
fn is_silent(event: &EventKind) -> bool {
    let EventKind::Failed(failure) = event else {
        return false;
    };
    matches!(
        failure.cause,
        FailureCause::NotHealthyInTime | FailureCause::Unresponsive
    )
}
