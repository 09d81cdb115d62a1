//! One plugin's life as a state machine: inputs in, the next operation out.

mod decide;
mod input;
pub(crate) mod observation;
mod outcome;
mod state;
pub(crate) mod step;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use self::{
    observation::Seen,
    state::{Conclusion, EngineGate, Goal, InFlight},
    step::{Hold, Input, Step, VersionTerms},
};
use super::{
    backoff::{Backoff, LoopChange},
    dependency_gate::Needs,
    drift::{LimitChange, SpecMark},
    probation::{Probation, ProbationVerdict},
    watchdog::Watchdog,
};
use crate::{
    engine::observed::Exit,
    model::{
        activity::OperationKind, autostart::Autostart, config_state::ConfigState,
        dependency::UnmetDependency, desired::Desired, event::EventKind, failure::Failure, phase::Phase,
        runs_as::RunsAs, state::PluginState,
    },
};

/// How long a start waits for what the plugin depends on, unless told otherwise.
pub(crate) const DEPENDENCY_WAIT: Duration = Duration::from_secs(300);

/// One plugin's life. At most one [`OperationKind`] is in flight: the next is named only after
/// [`Input::OpDone`].
#[derive(Debug)]
pub(crate) struct Machine {
    goal: Goal,
    mark: SpecMark,
    limit_change: LimitChange,
    probation: Option<Probation>,
    seen: Seen,
    /// What was seen last before the answer was no longer good. Tells of a run that began or
    /// ended meanwhile.
    known: Seen,
    in_flight: Option<InFlight>,
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
    needs: Needs,
    conclusion: Conclusion,
    /// No start before this moment.
    start_gate: Option<Instant>,
    engine: EngineGate,
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
            goal: Goal::new(desired),
            mark: terms.mark,
            limit_change: LimitChange::Live,
            probation: None,
            seen: Seen::Unknown,
            known: Seen::Unknown,
            in_flight: None,
            look_again: false,
            restart_wanted: false,
            stop_expected: false,
            start_vanished: false,
            watchdog: Watchdog::new(terms.health),
            backoff: Backoff::new(terms.restart, seed),
            failure: None,
            last_failure: None,
            needs: Needs::new(DEPENDENCY_WAIT),
            conclusion: Conclusion::None,
            start_gate: None,
            engine: EngineGate::default(),
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
        if let Some(in_flight) = &mut self.in_flight {
            // Only making a container can take minutes, and half of it does no harm: looking
            // finds what there is.
            let pointless = in_flight.kind == OperationKind::Create && !self.goal.is_running();
            step.cancel = pointless && !std::mem::replace(&mut in_flight.cancelled, pointless);
        } else {
            step.op = self.next_op(now, &mut step.events);
            self.in_flight = step.op.map(InFlight::new);
            self.stop_expected |= step.op == Some(OperationKind::Stop);
            self.look_again &= step.op != Some(OperationKind::Inspect);
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
        self.goal.desired
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
        self.in_flight.is_some() || self.seen == Seen::Unknown || self.seen.is_running()
    }

    /// Whether a process of the plugin may exist that was made from another spec than the one
    /// that holds now.
    pub(crate) fn may_be_outdated(&self) -> bool {
        match &self.seen {
            Seen::Present(observed) if self.in_flight.is_none() => {
                self.seen.is_running() && observed.spec_digest != self.mark.digest
            }
            _ => self.may_run(),
        }
    }

    /// Why the plugin must not run, as it was told last.
    pub(crate) const fn bar(&self) -> Option<&Failure> {
        self.goal.bar.as_ref()
    }

    /// What the plugin lacks, as it was told last.
    pub(crate) fn unmet(&self) -> &[UnmetDependency] {
        self.needs.unmet()
    }

    /// Whether no process of the plugin is left and none will be started while it shuts down.
    pub(crate) fn is_halted(&self) -> bool {
        let down = !self.seen.is_running() && !self.seen.is_restarting() && self.seen != Seen::Unknown;
        self.goal.halting && self.in_flight.is_none() && down
    }

    /// Whether the plugin is kept down as far as it was asked for, and nothing is under way.
    pub(crate) fn is_held_down(&self) -> bool {
        self.in_flight.is_none()
            && match self.goal.hold {
                Hold::None => false,
                Hold::Down => !self.seen.is_running() && self.seen != Seen::Unknown,
                Hold::Gone => self.seen == Seen::Absent,
            }
    }

    /// Whether the container has the limits that it should, as far as is known.
    pub(crate) fn has_its_limits(&self) -> bool {
        match &self.seen {
            Seen::Present(observed) if self.in_flight.is_none() => {
                self.limit_change == LimitChange::GivenUp || !self.mark.has_other_limits(observed)
            }
            Seen::Absent => self.in_flight.is_none(),
            _ => false,
        }
    }

    /// The snapshot for readers.
    pub(crate) fn state(&self, now: Instant) -> PluginState {
        let waiting = matches!(self.phase, Phase::Backoff | Phase::CrashLoop);
        PluginState {
            desired: self.goal.desired,
            phase: self.phase,
            container: match &self.seen {
                Seen::Present(observed) => Some(observed.id.clone()),
                _ => None,
            },
            restarts: self.restarts,
            crash_loop: self.backoff.is_looping(),
            last_exit: self.last_exit.clone(),
            last_failure: self.last_failure.clone(),
            failure: self.goal.barred().or(self.failure.as_ref()).cloned(),
            unmet_dependencies: self.needs.unmet().to_vec(),
            retry_in: self
                .start_gate
                .filter(|_| waiting)
                .map(|gate| gate.saturating_duration_since(now)),
            health_message: self.health_message.clone(),
            missed_health_check: self.watchdog.missed().map(ToOwned::to_owned),
            time_to_healthy: self.time_to_healthy,
            config: ConfigState::None,
            update: None,
            last_update: None,
            autostart: Autostart::default(),
            runs_as: RunsAs::default(),
            data_loss: None,
            operation: None,
        }
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
}
