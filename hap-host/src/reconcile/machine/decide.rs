//! What comes next: the next operation, the phase, and when to be called again.

use std::time::Instant;

use super::{Machine, observation::Seen, step::Hold};
use crate::{
    engine::observed::Observed,
    model::{activity::OperationKind, desired::Desired, event::EventKind, phase::Phase},
    reconcile::{drift::LimitChange, machine::state::Conclusion, probation::Probation},
};

impl Machine {
    pub(super) fn next_op(&mut self, now: Instant, events: &mut Vec<EventKind>) -> Option<OperationKind> {
        if self.removed || self.engine.is_closed(now) {
            return None;
        }
        if self.seen == Seen::Unknown || self.look_again {
            return Some(OperationKind::Inspect);
        }
        let running = self.seen.is_running();
        let observed = match &self.seen {
            Seen::Present(observed) => Some(observed),
            _ => None,
        };
        // Restarts are the host's: the engine is kept from its own, and what follows
        // is decided here.
        if self.seen.is_restarting() && !matches!(self.goal.now(), Desired::Removed { .. }) {
            return Some(OperationKind::Stop);
        }
        match (self.goal.now(), observed) {
            // Data that stays is put back first.
            (Desired::Removed { with_data: false }, None) if self.goal.hold == Hold::Gone => None,
            (Desired::Removed { with_data: false }, None) => {
                self.removed = true;
                None
            }
            (Desired::Removed { with_data: true }, None) => Some(OperationKind::RemoveData),
            (Desired::Removed { .. }, Some(_)) => Some(if running {
                OperationKind::Stop
            } else {
                OperationKind::Remove
            }),
            (_, Some(_)) if self.goal.hold != Hold::None && running => Some(OperationKind::Stop),
            (_, Some(_)) if self.goal.hold == Hold::Gone => Some(OperationKind::Remove),
            (Desired::Stopped, _) if running => Some(OperationKind::Stop),
            // The engine would start it without being asked, with its next start.
            (Desired::Stopped, Some(observed))
                if self.mark.has_other_restarts(observed) && self.limit_change == LimitChange::Live =>
            {
                Some(OperationKind::SetLimits)
            }
            (Desired::Stopped, _) => None,
            (Desired::Running, _) if self.goal.hold != Hold::None => None,
            (Desired::Running, observed) => self.towards_running(observed.cloned().as_ref(), now, events),
        }
    }

    /// The next operation for a plugin that shall run.
    pub(super) fn towards_running(
        &mut self,
        observed: Option<&Observed>,
        now: Instant,
        events: &mut Vec<EventKind>,
    ) -> Option<OperationKind> {
        let limits = observed.is_some_and(|observed| self.mark.has_other_limits(observed));
        let outdated = observed.is_some_and(|observed| self.mark.is_outdated(observed))
            || (limits && self.limit_change == LimitChange::Anew);
        let limits = limits && self.limit_change == LimitChange::Live;
        if self.seen.is_running() {
            self.needs.release();
            let stop = outdated || self.restart_wanted || self.goal.bar.is_some();
            return if stop {
                Some(OperationKind::Stop)
            } else {
                limits.then_some(OperationKind::SetLimits)
            };
        }
        self.restart_wanted = false;
        if self.is_held() || self.start_gate.is_some_and(|gate| gate > now) {
            self.needs.release();
            return None;
        }
        if !self.needs.are_met() {
            self.start_gate = None;
            if let Some(failure) = self.needs.hold(now) {
                self.tell(failure, events);
            }
            return None;
        }
        self.needs.release();
        Some(match observed {
            None => OperationKind::Create,
            Some(_) if outdated => OperationKind::Remove,
            Some(_) if limits => OperationKind::SetLimits,
            Some(_) => OperationKind::Start,
        })
    }

    /// Whether nothing is tried until someone acts.
    pub(super) fn is_held(&self) -> bool {
        if self.goal.bar.is_some() || self.conclusion != Conclusion::None {
            return true;
        }
        self.failure
            .as_ref()
            .is_some_and(|failure| failure.cause.is_permanent())
    }

    pub(super) fn derive_phase(&self) -> Phase {
        if self.removed {
            return Phase::Removed;
        }
        let running = self.seen.is_running();
        let op = self.in_flight.as_ref().map(|in_flight| in_flight.kind);
        match self.goal.now() {
            Desired::Removed { .. } => Phase::Stopping,
            _ if self.seen == Seen::Unknown && op != Some(OperationKind::Create) => Phase::Unknown,
            Desired::Stopped if running || op.is_some_and(|op| op != OperationKind::Inspect) => {
                Phase::Stopping
            }
            Desired::Stopped => Phase::Stopped,
            Desired::Running if self.goal.hold != Hold::None && !self.is_held_down() => Phase::Stopping,
            Desired::Running if self.goal.hold != Hold::None => Phase::Updating,
            Desired::Running => match op {
                Some(OperationKind::Create) => Phase::Preparing,
                Some(OperationKind::Stop) if running => Phase::Stopping,
                Some(OperationKind::Start) => Phase::Starting,
                _ if running && self.goal.bar.is_some() => Phase::Stopping,
                _ if running && self.watchdog.is_up() => {
                    if !self.watchdog.is_healthy() {
                        Phase::Unhealthy
                    } else if self.watchdog.is_degraded() || !self.needs.are_met() {
                        Phase::Degraded
                    } else {
                        Phase::Healthy
                    }
                }
                _ if running => Phase::Starting,
                _ if self.conclusion == Conclusion::Finished && self.goal.bar.is_none() => Phase::Finished,
                _ if self.is_held() => Phase::Failed,
                _ if self.start_gate.is_some() && self.backoff.is_looping() => Phase::CrashLoop,
                _ if self.start_gate.is_some() => Phase::Backoff,
                _ if !self.needs.are_met() => Phase::Waiting,
                _ => Phase::Starting,
            },
        }
    }

    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        let gates = [self.start_gate, self.engine.not_before, self.needs.wake_at()]
            .into_iter()
            .flatten()
            .filter(|gate| *gate > now);
        let probation = self.probation.as_ref().and_then(Probation::wake_at);
        gates.chain(self.watchdog.wake_at()).chain(probation).min()
    }
}
