//! Hands inputs to the reconcile machine, and sets in motion what it asks for.

use std::{sync::Arc, time::SystemTime};

use futures_util::future::FutureExt;
use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::{
    clock::now,
    diagnose::{self, Listening},
    diagnosis::FailedRun,
    state::Actor,
};
use crate::{
    engine::observed::ContainerId,
    metrics::counters::add,
    model::{
        activity::{Operation, OperationKind},
        event::{Event, EventKind},
        failure::{Failure, FailureCause},
    },
    reconcile::machine::{
        observation::Seen,
        step::{Input, Outcome, Step},
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
        self.wake_at = wake_at;
        if let Some(verdict) = verdict {
            self.updating.judged(verdict);
        }
        if cancel {
            self.operation = Some(async { Outcome::Retry("given up".to_owned()) }.boxed()).into();
        }
        self.update_client();
        let mut listening = None;
        if let Some(op) = op {
            self.under_way = Some(Operation::begins(op));
            let container = self.container();
            let span = tracing::info_span!(
                parent: &self.cause, "engine operation", plugin = %self.id, operation = op.as_str()
            );
            let perform = self.operator.clone().perform(op, container.clone());
            let perform = perform.instrument(span);
            let is_silent = events.iter().any(is_silent);
            self.operation = match container.filter(|_| op == OperationKind::Stop && is_silent) {
                // Where it listens can be asked only as long as it runs.
                Some(container) => {
                    let (tell, told) = oneshot::channel();
                    listening = Some(told);
                    let look = diagnose::listening(Arc::clone(&self.shared.engine), container);
                    let work = async move {
                        // Whoever wanted to know may have gone.
                        let _ = tell.send(look.await);
                        perform.await
                    };
                    Some(work.boxed()).into()
                }
                None => Some(perform.boxed()).into(),
            };
        }
        if let Some(generation) = probe {
            self.launch_probe(generation);
        }
        for event in events {
            self.emit(event, &mut listening);
        }
        let phase = self.machine.phase();
        if phase.is_reachable() && !was.is_reachable() {
            self.healthy_runs = self.healthy_runs.saturating_add(1);
            if let Some(client) = self.client.clone() {
                self.settings.run_began(client, &self.shared);
            }
        } else if was.is_reachable() && !phase.is_reachable() {
            self.settings.run_ended();
        }
        self.publish();
    }

    fn container(&self) -> Option<ContainerId> {
        match self.machine.seen() {
            Seen::Present(observed) => Some(observed.id.clone()),
            _ => None,
        }
    }

    fn emit(&mut self, kind: EventKind, listening: &mut Option<oneshot::Receiver<Listening>>) {
        match &kind {
            EventKind::Failed(failure) => {
                self.failures = self.failures.saturating_add(1);
                self.counters.failures.add(failure.cause.as_str());
                tracing::warn!(plugin = %self.id, cause = ?failure.cause, message = %failure.message, "plugin failed");
                // In a quick loop the lines of one run are read to their end, or nobody would ever see any.
                if let Some(container) = self.container().filter(|_| !self.diagnosis.is_under_way()) {
                    self.diagnose(failure.clone(), container, listening.take());
                }
            }
            EventKind::Phase { from, to } => {
                tracing::info!(plugin = %self.id, %from, %to, "plugin phase");
            }
            other => {
                if *other == EventKind::CrashLoopEntered {
                    add(&self.counters.crash_loops, 1);
                }
                tracing::warn!(plugin = %self.id, event = ?other, "plugin event");
            }
        }
        // Nobody listening is fine.
        let _ = self.shared.events.send(Event::now(self.id.clone(), kind));
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
            Seen::Present(observed) => observed.started_at.map(SystemTime::from),
            _ => None,
        }
    }
}

/// Whether a plugin failed that runs and cannot be heard.
fn is_silent(event: &EventKind) -> bool {
    let EventKind::Failed(failure) = event else {
        return false;
    };
    matches!(
        failure.cause,
        FailureCause::NotHealthyInTime | FailureCause::Unresponsive
    )
}
