//! What the machine is told.

use std::time::Instant;

use super::{Machine, observation::Seen, step::Input};
use crate::{
    model::{desired::Desired, event::EventKind, failure::FailureCause, probe::ProbeResult},
    reconcile::{
        drift::{LimitChange, SpecMark},
        machine::state::Conclusion,
        probation::Probation,
    },
};

impl Machine {
    pub(super) fn take(&mut self, input: Input, now: Instant, events: &mut Vec<EventKind>) {
        match input {
            Input::Desire(desired) => {
                self.goal.desired = desired;
                if desired != Desired::Running
                    && let Some(probation) = &mut self.probation
                {
                    probation.pause();
                }
                self.forgive(events);
                events.extend(self.goal.barred().cloned().map(EventKind::Failed));
                if desired == Desired::Running && !self.seen.is_running() {
                    self.down_since = Some(now);
                }
            }
            Input::Restart => {
                self.restart_wanted = true;
                self.down_since = Some(now);
                self.forgive(events);
            }
            Input::Halt => self.goal.halting = true,
            Input::Spec(mark) => self.take_mark(mark, now),
            Input::Version(terms, probation) => {
                if terms.mark.digest != self.mark.digest {
                    // What the old version still does until it is down says nothing of the new one.
                    self.watchdog.stopped(now);
                    if let Some(in_flight) = &mut self.in_flight {
                        in_flight.stale = true;
                    }
                }
                self.probation = probation.map(Probation::new);
                self.watchdog.set_policy(terms.health);
                self.backoff.set_policy(terms.restart);
                self.take_mark(terms.mark, now);
                // What is held against the other version is not held against this one.
                self.forgive(events);
            }
            Input::Probation(policy) => {
                self.probation = policy.map(Probation::new);
                if self.runs_as_marked() {
                    self.note_run_on_probation(now);
                }
            }
            Input::Hold(hold) => self.goal.hold = hold,
            Input::Bar(bar) => {
                let before = std::mem::replace(&mut self.goal.bar, bar);
                if self.goal.bar != before {
                    events.extend(self.goal.barred().cloned().map(EventKind::Failed));
                }
            }
            Input::Needs(unmet) => {
                events.extend(self.needs.take(unmet, self.seen.is_running()));
                let waited = self
                    .failure
                    .as_ref()
                    .is_some_and(|f| f.cause == FailureCause::Dependency);
                if waited && self.needs.are_met() {
                    self.failure = None;
                }
            }
            Input::Hint => {
                self.look_again = true;
                self.engine.open();
                self.hinted_at = Some(now);
            }
            Input::Listed(seen) => {
                // The list may be older than the operation that ended last: it is a reason to
                // look, not the truth.
                if self.seen == Seen::Unknown && self.in_flight.is_none() {
                    self.see(seen, false, now, events);
                } else if seen != self.seen {
                    self.look_again = true;
                }
                self.engine.open();
            }
            Input::OpDone(outcome) => self.finish(outcome, now, events),
            Input::Explained(failure) => self.explained(failure),
            Input::Probe { generation, result } => {
                if let ProbeResult::Answered { message, .. } = &result
                    && generation == self.watchdog.generation()
                {
                    self.health_message.clone_from(message);
                }
                let healthy_run = self.watchdog.healthy_run(now);
                let verdict = self
                    .watchdog
                    .probed(generation, result, self.backoff.jitter(), now);
                self.judge(verdict, healthy_run, now, events);
            }
            Input::Tick => {}
        }
    }

    pub(super) fn take_mark(&mut self, mark: SpecMark, now: Instant) {
        if mark.digest != self.mark.digest && self.seen.is_running() {
            self.down_since = Some(now);
        }
        self.mark = mark;
        self.limit_change = LimitChange::Live;
    }

    /// Someone acted, so earlier failures no longer hold anything back.
    pub(super) fn forgive(&mut self, events: &mut Vec<EventKind>) {
        self.note(|this| this.backoff.reset(), events);
        self.failure = None;
        self.conclusion = Conclusion::None;
        self.start_gate = None;
        self.engine.reset();
    }
}
