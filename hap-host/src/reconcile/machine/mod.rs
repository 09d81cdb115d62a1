pub(crate) mod observation;
mod outcome;
pub(crate) mod step;
use std::time::{Duration, Instant};

use hap_manifest::RestartMode;

use self::{
    observation::Seen,
    outcome::failure_of,
    step::{Hold, Input, Outcome, Step, VersionTerms},
};
use super::{
    backoff::{Backoff, LoopChange},
    dependency_gate::Needs,
    drift::{LimitChange, SpecMark},
    probation::{Probation, ProbationVerdict},
    watchdog::{Verdict, Watchdog},
};
use crate::{
    engine::observed::{Exit, Observed},
    model::{
        activity::OperationKind,
        boot::Boot,
        config_state::ConfigState,
        dependency::Unmet,
        desired::Desired,
        event::EventKind,
        failure::{Failure, FailureCause},
        phase::Phase,
        probe::ProbeResult,
        state::PluginState,
    },
};

/// Pauses after an engine operation failed: they double from the first to the longest.
const ENGINE_PAUSE_FIRST: Duration = Duration::from_millis(200);
const ENGINE_PAUSE_MAX: Duration = Duration::from_secs(10);
/// How long a start waits for what the plugin depends on, unless told otherwise.
pub(crate) const DEPENDENCY_WAIT: Duration = Duration::from_secs(300);

/// One plugin's life. At most one [`OperationKind`] is in flight: the next is named only after [`Input::OpDone`].
#[derive(Debug)]
pub(crate) struct Machine {
    desired: Desired,
    /// The host shuts down: stop, whatever is wanted, without changing what is wanted.
    halting: bool,
    hold: Hold,
    mark: SpecMark,
    limit_change: LimitChange,
    probation: Option<Probation>,
    /// The operation in flight was begun for another version.
    op_is_stale: bool,
    seen: Seen,
    /// What was seen last before the answer was no longer good. Tells of a run that began or ended meanwhile.
    known: Seen,
    op: Option<OperationKind>,
    cancelling: bool,
    /// Something may have changed since the engine was asked last.
    look_again: bool,
    restart_wanted: bool,
    /// A stop of ours is why the run ends, so the end is no failure.
    stop_expected: bool,
    /// The last start found that the container cannot be started as it is, and removed it.
    start_vanished: bool,
    watchdog: Watchdog,
    backoff: Backoff,
    failure: Option<Failure>,
    last_failure: Option<Failure>,
    /// The plugin must not run, whatever is wanted, until this is lifted.
    bar: Option<Failure>,
    needs: Needs,
    /// It ended well, and is not started again for that.
    finished: bool,
    /// It failed, and is not one that is started again.
    given_up: bool,
    /// No start before this moment.
    start_gate: Option<Instant>,
    /// No engine operation before this moment.
    engine_gate: Option<Instant>,
    engine_failures: u32,
    restarts: u64,
    last_exit: Option<Exit>,
    health_message: Option<String>,
    down_since: Option<Instant>,
    hinted_at: Option<Instant>,
    time_to_healthy: Option<Duration>,
    removed: bool,
    phase: Phase,
}

impl Machine {
    pub(crate) fn new(desired: Desired, terms: VersionTerms, seed: u64) -> Self {
        Self {
            desired,
            halting: false,
            hold: Hold::None,
            mark: terms.mark,
            limit_change: LimitChange::Live,
            probation: None,
            op_is_stale: false,
            seen: Seen::Unknown,
            known: Seen::Unknown,
            op: None,
            cancelling: false,
            look_again: false,
            restart_wanted: false,
            stop_expected: false,
            start_vanished: false,
            watchdog: Watchdog::new(terms.health),
            backoff: Backoff::new(terms.restart, seed),
            failure: None,
            last_failure: None,
            bar: None,
            needs: Needs::new(DEPENDENCY_WAIT),
            finished: false,
            given_up: false,
            start_gate: None,
            engine_gate: None,
            engine_failures: 0,
            restarts: 0,
            last_exit: None,
            health_message: None,
            down_since: None,
            hinted_at: None,
            time_to_healthy: None,
            removed: false,
            phase: Phase::Unknown,
        }
    }

    /// Sets how long a start waits for what the plugin depends on before that counts as a failure.
    #[must_use]
    pub(crate) fn waiting_at_most(mut self, limit: Duration) -> Self {
        self.needs = Needs::new(limit);
        self
    }

    /// Takes one input and says what to do.
    pub(crate) fn step(&mut self, input: Input, now: Instant) -> Step {
        let mut step = Step::default();
        self.take(input, now, &mut step.events);
        let verdict = self.watchdog.tick(now);
        self.judge(verdict, Duration::ZERO, now, &mut step.events);
        self.note(|this| this.calm_down(now), &mut step.events);
        if self.op.is_some() {
            // Only making a container can take minutes, and half of it does no harm: looking finds what there is.
            let wanted = self.shall_run();
            let pointless = self.op == Some(OperationKind::Create) && !wanted;
            if pointless && !self.cancelling {
                self.cancelling = true;
                step.cancel = true;
            }
        } else {
            step.op = self.next_op(now, &mut step.events);
            self.op = step.op;
            if step.op == Some(OperationKind::Stop) {
                self.stop_expected = true;
            }
            if step.op == Some(OperationKind::Look) {
                self.look_again = false;
            }
        }
        let pace = self.probation.as_ref().map(Probation::pace);
        self.watchdog.set_pace(pace, now);
        if self.watchdog.take_due(now) {
            step.probe = Some(self.watchdog.generation());
        }
        step.verdict = self.judge_version(now);
        let phase = self.derive_phase();
        if phase != self.phase {
            step.events.push(EventKind::Phase {
                from: self.phase,
                to: phase,
            });
            self.phase = phase;
        }
        step.wake_at = self.wake_at(now);
        step
    }

    /// What is wanted, the shutdown of the host left aside.
    pub(crate) const fn desired(&self) -> Desired {
        self.desired
    }

    /// Where the plugin is.
    pub(crate) const fn phase(&self) -> Phase {
        self.phase
    }

    /// The container as it was seen last.
    pub(crate) const fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Whether the plugin is gone and the machine has nothing more to do.
    pub(crate) const fn is_removed(&self) -> bool {
        self.removed
    }

    /// Whether a process of the plugin may exist.
    pub(crate) fn may_run(&self) -> bool {
        self.op.is_some() || self.seen == Seen::Unknown || self.seen.is_running()
    }

    /// Whether a process of the plugin may exist that was made from another spec than the one that holds now.
    pub(crate) fn may_be_outdated(&self) -> bool {
        match &self.seen {
            Seen::Present(observed) if self.op.is_none() => {
                self.seen.is_running() && observed.spec_digest != self.mark.digest
            }
            _ => self.may_run(),
        }
    }

    /// Why the plugin must not run, as it was told last.
    pub(crate) const fn bar(&self) -> Option<&Failure> {
        self.bar.as_ref()
    }

    /// What the plugin lacks, as it was told last.
    pub(crate) fn unmet(&self) -> &[Unmet] {
        self.needs.unmet()
    }

    /// Whether no process of the plugin is left and none will be started while it shuts down.
    pub(crate) fn is_halted(&self) -> bool {
        let down = !self.seen.is_running() && !self.seen.is_restarting() && self.seen != Seen::Unknown;
        self.halting && self.op.is_none() && down
    }

    /// Whether the plugin is kept down as far as it was asked for, and nothing is under way.
    pub(crate) fn is_held_down(&self) -> bool {
        self.op.is_none()
            && match self.hold {
                Hold::None => false,
                Hold::Down => !self.seen.is_running() && self.seen != Seen::Unknown,
                Hold::Gone => self.seen == Seen::Absent,
            }
    }

    /// Whether the container has the limits that it should, as far as is known.
    pub(crate) fn has_its_limits(&self) -> bool {
        match &self.seen {
            Seen::Present(observed) if self.op.is_none() => {
                self.limit_change == LimitChange::GivenUp || !self.mark.has_other_limits(observed)
            }
            Seen::Absent => self.op.is_none(),
            _ => false,
        }
    }

    /// The snapshot for readers.
    pub(crate) fn state(&self, now: Instant) -> PluginState {
        let waiting = matches!(self.phase, Phase::Backoff | Phase::CrashLoop);
        PluginState {
            desired: self.desired,
            phase: self.phase,
            container: match &self.seen {
                Seen::Present(observed) => Some(observed.id.clone()),
                _ => None,
            },
            restarts: self.restarts,
            crash_loop: self.backoff.is_looping(),
            last_exit: self.last_exit.clone(),
            last_failure: self.last_failure.clone(),
            failure: self.barred().or(self.failure.as_ref()).cloned(),
            waiting_for: self.needs.unmet().to_vec(),
            retry_in: self
                .start_gate
                .filter(|_| waiting)
                .map(|gate| gate.saturating_duration_since(now)),
            health_message: self.health_message.clone(),
            time_to_healthy: self.time_to_healthy,
            config: ConfigState::None,
            update: None,
            last_update: None,
            boot: Boot::default(),
            operation: None,
        }
    }

    /// What is wanted, the shutdown of the host included.
    fn wanted(&self) -> Desired {
        if self.halting && self.desired == Desired::Running {
            Desired::Stopped
        } else {
            self.desired
        }
    }

    /// Whether a process of the plugin is wanted now, and nothing stands against it.
    fn shall_run(&self) -> bool {
        self.wanted() == Desired::Running && self.bar.is_none() && self.hold == Hold::None
    }

    /// Why a plugin that is wanted running must not run.
    fn barred(&self) -> Option<&Failure> {
        self.bar.as_ref().filter(|_| self.wanted() == Desired::Running)
    }

    fn take(&mut self, input: Input, now: Instant, events: &mut Vec<EventKind>) {
        match input {
            Input::Desire(desired) => {
                self.desired = desired;
                if desired != Desired::Running
                    && let Some(probation) = &mut self.probation
                {
                    probation.pause();
                }
                self.forgive(events);
                events.extend(self.barred().cloned().map(EventKind::Failed));
                if desired == Desired::Running && !self.seen.is_running() {
                    self.down_since = Some(now);
                }
            }
            Input::Restart => {
                self.restart_wanted = true;
                self.down_since = Some(now);
                self.forgive(events);
            }
            Input::Halt => self.halting = true,
            Input::Spec(mark) => self.take_mark(mark, now),
            Input::Version(terms, probation) => {
                if terms.mark.digest != self.mark.digest {
                    // What the old version still does until it is down says nothing of the new one.
                    self.watchdog.stopped(now);
                    self.op_is_stale = self.op.is_some();
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
            Input::Hold(hold) => self.hold = hold,
            Input::Bar(bar) => {
                let before = std::mem::replace(&mut self.bar, bar);
                if self.bar != before {
                    events.extend(self.barred().cloned().map(EventKind::Failed));
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
                self.engine_gate = None;
                self.hinted_at = Some(now);
            }
            Input::Listed(seen) => {
                // The list may be older than the operation that ended last: it is a reason to look, not the truth.
                if self.seen == Seen::Unknown && self.op.is_none() {
                    self.see(seen, false, now, events);
                } else if seen != self.seen {
                    self.look_again = true;
                }
                self.engine_gate = None;
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

    fn take_mark(&mut self, mark: SpecMark, now: Instant) {
        if mark.digest != self.mark.digest && self.seen.is_running() {
            self.down_since = Some(now);
        }
        self.mark = mark;
        self.limit_change = LimitChange::Live;
    }

    /// Whether what there is, if anything, was made from the spec that holds now.
    fn has_marked_container(&self) -> bool {
        !matches!(&self.seen, Seen::Present(observed) if observed.spec_digest != self.mark.digest)
    }

    /// Whether what runs was made from the spec that holds now.
    fn runs_as_marked(&self) -> bool {
        matches!(&self.seen, Seen::Present(observed)
            if self.seen.is_running() && observed.spec_digest == self.mark.digest)
    }

    /// The time of a probation counts from the first run of what is watched.
    fn note_run_on_probation(&mut self, now: Instant) {
        if matches!(&self.seen, Seen::Present(observed) if observed.spec_digest == self.mark.digest)
            && let Some(probation) = &mut self.probation
        {
            probation.run_began(now);
        }
    }

    /// What the version on probation has shown so far.
    fn judge_version(&mut self, now: Instant) -> Option<ProbationVerdict> {
        let proven = self.proven_as_marked();
        let verdict = self.probation.as_ref()?.judge(proven, now)?;
        self.probation = None;
        Some(verdict)
    }

    /// For how long what was made from the spec that holds now has given good answers alone.
    fn proven_as_marked(&self) -> Option<Duration> {
        self.runs_as_marked()
            .then(|| self.watchdog.proven_run())
            .flatten()
    }

    /// Someone acted, so earlier failures no longer hold anything back.
    fn forgive(&mut self, events: &mut Vec<EventKind>) {
        self.note(|this| this.backoff.reset(), events);
        self.failure = None;
        self.finished = false;
        self.given_up = false;
        self.start_gate = None;
        self.engine_gate = None;
        self.engine_failures = 0;
    }

    fn note(&mut self, change: impl FnOnce(&mut Self) -> LoopChange, events: &mut Vec<EventKind>) {
        match change(self) {
            LoopChange::None => {}
            LoopChange::Entered => events.push(EventKind::CrashLoopEntered),
            LoopChange::Left => events.push(EventKind::CrashLoopLeft),
        }
    }

    fn calm_down(&mut self, now: Instant) -> LoopChange {
        if !self.watchdog.is_healthy() {
            return LoopChange::None;
        }
        let healthy_run = self.watchdog.healthy_run(now);
        self.backoff.healthy_for(healthy_run, now)
    }

    fn finish(&mut self, outcome: Outcome, now: Instant, events: &mut Vec<EventKind>) {
        let op = self.op.take();
        let cancelled = std::mem::take(&mut self.cancelling);
        let stale = std::mem::take(&mut self.op_is_stale);
        match outcome {
            Outcome::Done(seen) => {
                self.engine_gate = None;
                if op != Some(OperationKind::Look) {
                    self.engine_failures = 0;
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
                        && self.wanted() == (Desired::Removed { with_data: false }))
                {
                    self.removed = matches!(self.desired, Desired::Removed { .. });
                }
                // Making it anew mends that, unless the next start finds the same.
                let vanished = op == Some(OperationKind::Start) && seen == Seen::Absent;
                let forgiven = vanished && !self.start_vanished;
                if op == Some(OperationKind::Start) {
                    self.start_vanished = vanished;
                }
                self.see(seen, op == Some(OperationKind::Start) && !forgiven, now, events);
                // Whatever it ended was told with what is seen now; what ends later was not asked for.
                if op == Some(OperationKind::Stop) {
                    self.stop_expected = false;
                }
                self.follow_limits(op);
            }
            Outcome::Retry(_) if cancelled => self.seen = Seen::Unknown,
            Outcome::Retry(reason) => {
                self.seen = if op == Some(OperationKind::Look) {
                    self.seen.clone()
                } else {
                    Seen::Unknown
                };
                self.look_again = true;
                let pause = ENGINE_PAUSE_FIRST
                    .saturating_mul(1 << self.engine_failures.min(16))
                    .min(ENGINE_PAUSE_MAX);
                self.engine_failures = self.engine_failures.saturating_add(1);
                self.engine_gate = Some(now + self.backoff.jitter().around(pause, 20));
                let failure = Failure {
                    phase: self.phase,
                    ..Failure::new(FailureCause::Engine, reason)
                };
                // Said once per outage, not once per try.
                if self.engine_failures == 1 {
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
    fn follow_limits(&mut self, op: Option<OperationKind>) {
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

    /// Takes what the engine shows now. `after_start`: a start has just succeeded, so a container that does not
    /// run has run and ended.
    fn see(&mut self, seen: Seen, after_start: bool, now: Instant, events: &mut Vec<EventKind>) {
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
    fn ended(&mut self, now: Instant, events: &mut Vec<EventKind>) {
        let healthy_run = self.watchdog.stopped(now);
        self.health_message = None;
        let requested = std::mem::take(&mut self.stop_expected) || self.restart_wanted || !self.shall_run();
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
            self.finished = true;
            if let Some(probation) = &mut self.probation {
                probation.finished();
            }
            return;
        }
        self.fail(failure_of(exit.as_ref()), healthy_run, now, events);
    }

    fn fail(&mut self, failure: Failure, healthy_run: Duration, now: Instant, events: &mut Vec<EventKind>) {
        self.tell(failure, events);
        self.given_up = self.backoff.mode() == RestartMode::No;
        if self.given_up
            && self.has_marked_container()
            && let Some(probation) = &mut self.probation
        {
            probation.given_up();
        }
        let (delay, change) = self.backoff.failed(healthy_run, now);
        self.note(|_| change, events);
        self.start_gate = Some(now + delay);
    }

    fn tell(&mut self, failure: Failure, events: &mut Vec<EventKind>) {
        let failure = Failure {
            phase: self.phase,
            ..failure
        };
        events.push(EventKind::Failed(failure.clone()));
        // What the old version's container does is not the new one's fault. But an engine that refuses to take it away
        // holds the plugin for good, and going back is all that is left.
        let counts = self.has_marked_container() || failure.cause.is_permanent();
        if let Some(probation) = self.probation.as_mut().filter(|_| counts) {
            probation.failed(&failure);
        }
        self.last_failure = Some(failure.clone());
        self.failure = Some(failure);
    }

    /// What the traces of a failure say. They may show that no start will ever succeed, also when the next one is
    /// under way already.
    fn explained(&mut self, failure: Failure) {
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

    fn judge(&mut self, verdict: Verdict, healthy_run: Duration, now: Instant, events: &mut Vec<EventKind>) {
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

    fn next_op(&mut self, now: Instant, events: &mut Vec<EventKind>) -> Option<OperationKind> {
        if self.removed || self.engine_gate.is_some_and(|gate| gate > now) {
            return None;
        }
        if self.seen == Seen::Unknown || self.look_again {
            return Some(OperationKind::Look);
        }
        let running = self.seen.is_running();
        let observed = match &self.seen {
            Seen::Present(observed) => Some(observed),
            _ => None,
        };
        // Restarts are the host's: the engine is kept from its own, and what follows is decided here.
        if self.seen.is_restarting() && !matches!(self.wanted(), Desired::Removed { .. }) {
            return Some(OperationKind::Stop);
        }
        match (self.wanted(), observed) {
            // Data that stays is put back first.
            (Desired::Removed { with_data: false }, None) if self.hold == Hold::Gone => None,
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
            (_, Some(_)) if self.hold != Hold::None && running => Some(OperationKind::Stop),
            (_, Some(_)) if self.hold == Hold::Gone => Some(OperationKind::Remove),
            (Desired::Stopped, _) => running.then_some(OperationKind::Stop),
            (Desired::Running, _) if self.hold != Hold::None => None,
            (Desired::Running, observed) => self.towards_running(observed.cloned().as_ref(), now, events),
        }
    }

    /// The next operation for a plugin that shall run.
    fn towards_running(
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
            let stop = outdated || self.restart_wanted || self.bar.is_some();
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
    fn is_held(&self) -> bool {
        if self.bar.is_some() || self.finished || self.given_up {
            return true;
        }
        self.failure
            .as_ref()
            .is_some_and(|failure| failure.cause.is_permanent())
    }

    fn derive_phase(&self) -> Phase {
        if self.removed {
            return Phase::Removed;
        }
        let running = self.seen.is_running();
        match self.wanted() {
            Desired::Removed { .. } => Phase::Stopping,
            _ if self.seen == Seen::Unknown && self.op != Some(OperationKind::Create) => Phase::Unknown,
            Desired::Stopped if running || self.op.as_ref().is_some_and(|op| *op != OperationKind::Look) => {
                Phase::Stopping
            }
            Desired::Stopped => Phase::Stopped,
            Desired::Running if self.hold != Hold::None && !self.is_held_down() => Phase::Stopping,
            Desired::Running if self.hold != Hold::None => Phase::Updating,
            Desired::Running => match &self.op {
                Some(OperationKind::Create) => Phase::Preparing,
                Some(OperationKind::Stop) if running => Phase::Stopping,
                Some(OperationKind::Start) => Phase::Starting,
                _ if running && self.bar.is_some() => Phase::Stopping,
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
                _ if self.finished && self.bar.is_none() => Phase::Finished,
                _ if self.is_held() => Phase::Failed,
                _ if self.start_gate.is_some() && self.backoff.is_looping() => Phase::CrashLoop,
                _ if self.start_gate.is_some() => Phase::Backoff,
                _ if !self.needs.are_met() => Phase::Waiting,
                _ => Phase::Starting,
            },
        }
    }

    fn wake_at(&self, now: Instant) -> Option<Instant> {
        let gates = [self.start_gate, self.engine_gate, self.needs.wake_at()]
            .into_iter()
            .flatten()
            .filter(|gate| *gate > now);
        let probation = self.probation.as_ref().and_then(Probation::wake_at);
        gates.chain(self.watchdog.wake_at()).chain(probation).min()
    }
}

#[cfg(test)]
mod tests;
