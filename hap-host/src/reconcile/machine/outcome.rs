//! What an operation or a run that ended means.

use std::time::{Duration, Instant};

use hap_manifest::RestartMode;

use super::{Machine, observation::Seen, step::Outcome};
use crate::{
    engine::observed::Exit,
    model::{
        activity::OperationKind,
        desired::Desired,
        event::EventKind,
        failure::{Failure, FailureCause},
    },
    reconcile::{drift::LimitChange, machine::state::Conclusion, watchdog::Verdict},
};

/// Exit code by which a program says that its configuration is wrong (`EX_CONFIG` of `sysexits.h`).
const EXIT_CONFIGURATION: i64 = 78;

impl Machine {
    pub(super) fn finish(&mut self, outcome: Outcome, now: Instant, events: &mut Vec<EventKind>) {
        let ended = self.in_flight.take();
        let op = ended.as_ref().map(|ended| ended.kind);
        let cancelled = ended.as_ref().is_some_and(|ended| ended.cancelled);
        let stale = ended.is_some_and(|ended| ended.stale);
        match outcome {
            Outcome::Done(seen) => {
                if op == Some(OperationKind::Inspect) {
                    self.engine.open();
                } else {
                    self.engine.reset();
                }
                if self
                    .failure
                    .as_ref()
                    .is_some_and(|f| f.cause == FailureCause::Engine)
                {
                    self.failure = None;
                }
                if op == Some(OperationKind::RemoveData)
                    || (op == Some(OperationKind::Remove)
                        && self.goal.now() == (Desired::Removed { with_data: false }))
                {
                    self.removed = matches!(self.goal.desired, Desired::Removed { .. });
                }
                // Making it anew mends that, unless the next start finds the same.
                let vanished = op == Some(OperationKind::Start) && seen == Seen::Absent;
                let forgiven = vanished && !self.start_vanished;
                if op == Some(OperationKind::Start) {
                    self.start_vanished = vanished;
                }
                self.see(seen, op == Some(OperationKind::Start) && !forgiven, now, events);
                // Whatever it ended was told with what is seen now; what ends later
                // was not asked for.
                if op == Some(OperationKind::Stop) {
                    self.stop_expected = false;
                }
                self.follow_limits(op);
            }
            Outcome::Retry(_) if cancelled => self.seen = Seen::Unknown,
            Outcome::Retry(reason) => {
                self.seen = if op == Some(OperationKind::Inspect) {
                    self.seen.clone()
                } else {
                    Seen::Unknown
                };
                self.look_again = true;
                let is_first = self.engine.failed(self.backoff.jitter(), now);
                let failure = Failure {
                    phase: self.phase,
                    ..Failure::new(FailureCause::Engine, reason)
                };
                // Said once per outage, not once per try.
                if is_first {
                    events.push(EventKind::Failed(failure.clone()));
                }
                if self.failure.is_none() {
                    self.failure = Some(failure);
                }
            }
            Outcome::Failed(_) | Outcome::Permanent(_) if stale => self.look_again = true,
            Outcome::Failed(failure) => {
                self.look_again = true;
                self.fail(failure, Duration::ZERO, now, events);
            }
            Outcome::Permanent(failure) => {
                self.look_again = true;
                self.tell(failure, events);
            }
        }
    }

    /// Notes what came of an attempt to give the container its limits.
    pub(super) fn follow_limits(&mut self, op: Option<OperationKind>) {
        let Seen::Present(observed) = &self.seen else {
            return;
        };
        let differ = self.mark.has_other_limits(observed);
        self.limit_change = match (op, self.limit_change) {
            (_, LimitChange::Anew) if !differ => LimitChange::Live,
            (Some(OperationKind::SetLimits), LimitChange::Live) if differ => LimitChange::Anew,
            (Some(OperationKind::Create), LimitChange::Anew) => LimitChange::GivenUp,
            (_, change) => change,
        };
    }

    /// Takes what the engine shows now. `after_start`: a start has just succeeded, so a container
    /// that does not run has run and ended.
    pub(super) fn see(&mut self, seen: Seen, after_start: bool, now: Instant, events: &mut Vec<EventKind>) {
        let before = std::mem::replace(&mut self.known, seen.clone());
        self.seen = seen;
        let was_running = before.is_running();
        let is_running = self.seen.is_running();
        if is_running && !(was_running && before.same_run(&self.seen)) {
            let by_engine = self.seen.is_run_of_the_engine() && before.is_followed_by_a_run(&self.seen);
            if by_engine && was_running {
                self.ended(now, events);
            }
            // The engine knows of no pause: a run that it began too early is stopped again.
            let too_early = by_engine && (self.is_held() || self.start_gate.is_some_and(|gate| gate > now));
            let mended = after_start || (by_engine && !too_early);
            if before != Seen::Unknown && self.failure.is_some() && mended {
                self.restarts = self.restarts.saturating_add(1);
            }
            if too_early {
                self.restart_wanted = true;
            } else {
                self.start_gate = None;
            }
            self.needs.run_began();
            self.watchdog.stopped(now);
            self.watchdog.started(now);
            self.note_run_on_probation(now);
        } else if !is_running && (was_running || after_start || before.is_followed_by_a_run(&self.seen)) {
            self.ended(now, events);
        }
        self.hinted_at = None;
    }

    /// A run ended.
    pub(super) fn ended(&mut self, now: Instant, events: &mut Vec<EventKind>) {
        let healthy_run = self.watchdog.stopped(now);
        self.health_message = None;
        let requested =
            std::mem::take(&mut self.stop_expected) || self.restart_wanted || !self.goal.is_running();
        if requested {
            return;
        }
        // It may have been over before it was seen running.
        self.note_run_on_probation(now);
        self.down_since = Some(self.hinted_at.unwrap_or(now));
        if self.seen.is_running() {
            let message = "ended, and the engine had started it again before anybody saw how";
            let failure = Failure::new(FailureCause::Exited, message);
            self.fail(failure, healthy_run, now, events);
            return;
        }
        let exit = match &self.seen {
            Seen::Present(observed) => observed.exit.clone(),
            _ => None,
        };
        self.last_exit.clone_from(&exit);
        let ended_well = exit
            .as_ref()
            .is_some_and(|exit| exit.code == 0 && !exit.oom_killed);
        if ended_well && self.backoff.mode() != RestartMode::Always {
            self.conclusion = Conclusion::Finished;
            if let Some(probation) = &mut self.probation {
                probation.finished();
            }
            return;
        }
        self.fail(failure_of(exit.as_ref()), healthy_run, now, events);
    }

    pub(super) fn fail(
        &mut self,
        failure: Failure,
        healthy_run: Duration,
        now: Instant,
        events: &mut Vec<EventKind>,
    ) {
        self.tell(failure, events);
        let given_up = self.backoff.mode() == RestartMode::No;
        if given_up {
            self.conclusion = Conclusion::GivenUp;
        }
        if given_up
            && self.has_marked_container()
            && let Some(probation) = &mut self.probation
        {
            probation.given_up();
        }
        let (delay, change) = self.backoff.failed(healthy_run, now);
        self.note(|_| change, events);
        self.start_gate = Some(now + delay);
    }

    pub(super) fn tell(&mut self, failure: Failure, events: &mut Vec<EventKind>) {
        let failure = Failure {
            phase: self.phase,
            ..failure
        };
        events.push(EventKind::Failed(failure.clone()));
        // What the old version's container does is not the new one's fault. But an engine that
        // refuses to take it away holds the plugin for good, and going back is all that is left.
        let counts = self.has_marked_container() || failure.cause.is_permanent();
        if let Some(probation) = self.probation.as_mut().filter(|_| counts) {
            probation.failed(&failure);
        }
        self.last_failure = Some(failure.clone());
        self.failure = Some(failure);
    }

    /// What the traces of a failure say. They may show that no start will ever succeed, also when
    /// the next one is under way already.
    pub(super) fn explained(&mut self, failure: Failure) {
        let is_known = |known: &Option<Failure>| {
            known
                .as_ref()
                .is_some_and(|known| known.message == failure.message)
        };
        if is_known(&self.failure) || (self.failure.is_some() && failure.cause.is_permanent()) {
            if failure.cause.is_permanent()
                && let Some(probation) = &mut self.probation
            {
                probation.failed(&failure);
            }
            self.failure = Some(failure.clone());
        }
        if is_known(&self.last_failure) {
            self.last_failure = Some(failure);
        }
    }

    pub(super) fn judge(
        &mut self,
        verdict: Verdict,
        healthy_run: Duration,
        now: Instant,
        events: &mut Vec<EventKind>,
    ) {
        match verdict {
            Verdict::Nothing | Verdict::Answered | Verdict::Missed { .. } => {}
            // This run is about to be stopped, so its health is not what the plugin was waited for.
            Verdict::BecameHealthy if self.restart_wanted => {}
            Verdict::BecameHealthy => {
                self.failure = None;
                self.time_to_healthy = self
                    .down_since
                    .take()
                    .map(|since| now.saturating_duration_since(since));
            }
            Verdict::Unresponsive { misses, reason } => {
                let message = format!("missed {misses} health checks in a row, the last one: {reason}");
                self.down_since = Some(now);
                self.restart_wanted = true;
                self.fail(
                    Failure::new(FailureCause::Unresponsive, message),
                    healthy_run,
                    now,
                    events,
                );
            }
            Verdict::NotHealthyInTime { last_miss } => {
                let last = last_miss.unwrap_or_else(|| "no probe came back".to_owned());
                let message = format!("did not become healthy in time, the last health check: {last}");
                self.restart_wanted = true;
                self.fail(
                    Failure::new(FailureCause::NotHealthyInTime, message),
                    Duration::ZERO,
                    now,
                    events,
                );
            }
        }
    }
}

/// What a run that ended by itself says.
pub(super) fn failure_of(exit: Option<&Exit>) -> Failure {
    match exit {
        None => Failure::new(FailureCause::Exited, "its container was removed by someone else"),
        Some(exit) if exit.oom_killed => Failure::new(FailureCause::OutOfMemory, exit.to_string())
            .with_exit(exit)
            .with_hint(
                "raise memory_limit in the manifest, or find out what the plugin keeps in memory; files in /tmp are \
                 in memory too",
            ),
        Some(exit) if exit.code == EXIT_CONFIGURATION => Failure::new(
            FailureCause::Configuration,
            format!("ended with exit code {EXIT_CONFIGURATION}, which says that its configuration is wrong"),
        )
        .with_exit(exit)
        .with_hint("its last lines below should name the setting; mend it, then start the plugin again"),
        Some(exit) => Failure::new(FailureCause::Exited, format!("ended with {exit}")).with_exit(exit),
    }
}
