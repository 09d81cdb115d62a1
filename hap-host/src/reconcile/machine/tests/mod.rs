use std::time::SystemTime;

use hap_manifest::{PluginId, RestartMode};

use super::*;
use crate::{
    engine::{
        observed::{ContainerId, ContainerStatus, EngineRestarts, Observed, ObservedLimits},
        spec::ResourceLimits,
    },
    model::{
        failure::FailureCause,
        probe::ProbeResult,
        run_policy::{HealthPolicy, RestartPolicy},
    },
    reconcile::machine::step::Outcome,
};

/// Drives one machine in virtual time against a container that does as it is told.
struct Bench {
    machine: Machine,
    now: Instant,
    digest: &'static str,
    /// The truth on the engine.
    truth: Seen,
    runs: u64,
    containers: u32,
    ops: Vec<OperationKind>,
    events: Vec<EventKind>,
    /// The container answers its health checks.
    answers: bool,
    /// The next runs end at once with this exit.
    crash_with: Option<Exit>,
    wake_at: Option<Instant>,
    /// What containers are made with, and changed to.
    wanted_limits: ResourceLimits,
    /// The engine tells the limits of what it makes.
    has_limits: bool,
    /// The engine changes limits in place.
    sets_limits: bool,
    verdicts: Vec<ProbationVerdict>,
}

fn mark(digest: &str) -> SpecMark {
    SpecMark {
        digest: digest.to_owned(),
        limits: ResourceLimits::new(64 << 20, 1_000_000_000, 64),
        restarts: EngineRestarts::Never,
    }
}

fn terms(digest: &str, mode: RestartMode) -> VersionTerms {
    VersionTerms {
        mark: mark(digest),
        restart: RestartPolicy {
            mode,
            ..RestartPolicy::default()
        },
        health: HealthPolicy::default(),
    }
}

impl Bench {
    fn new(desired: Desired) -> Self {
        Self::with_mode(desired, RestartMode::Always)
    }

    fn with_mode(desired: Desired, mode: RestartMode) -> Self {
        Self {
            machine: Machine::new(desired, terms("d1", mode), 1),
            now: Instant::now(),
            digest: "d1",
            truth: Seen::Absent,
            runs: 0,
            containers: 0,
            ops: Vec::new(),
            events: Vec::new(),
            answers: true,
            crash_with: None,
            wake_at: None,
            wanted_limits: mark("d1").limits,
            has_limits: true,
            sets_limits: true,
            verdicts: Vec::new(),
        }
    }

    fn running(status: ContainerStatus, container: u32, digest: &str, run: u64) -> Observed {
        let id = ContainerId::new(format!("c{container}"));
        let mut observed = Observed::created(id, PluginId::new("p").unwrap(), digest.to_owned());
        observed.status = status;
        observed.started_at = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(run));
        observed
    }

    /// Feeds an input and carries out every operation and probe until the machine rests.
    fn feed(&mut self, input: Input) {
        let mut inputs = std::collections::VecDeque::from([input]);
        let mut rounds = 0;
        while let Some(input) = inputs.pop_front() {
            rounds += 1;
            assert!(rounds < 200, "the machine spins: {:?}", self.ops);
            let step = self.machine.step(input, self.now);
            self.events.extend(step.events);
            self.verdicts.extend(step.verdict);
            self.wake_at = step.wake_at;
            if let Some(generation) = step.probe {
                let answered = self.answers && self.truth.is_running();
                let result = if answered {
                    ProbeResult::Answered {
                        degraded: false,
                        message: None,
                    }
                } else {
                    ProbeResult::Missed("connection refused".to_owned())
                };
                inputs.push_back(Input::Probe { generation, result });
            }
            if let Some(op) = step.op {
                self.ops.push(op);
                let outcome = self.perform(op);
                inputs.push_back(Input::OpDone(outcome));
            }
        }
    }

    fn perform(&mut self, op: OperationKind) -> Outcome {
        match op {
            OperationKind::Inspect => {}
            OperationKind::Create => {
                self.containers += 1;
                self.truth = Seen::Present(Observed::created(
                    ContainerId::new(format!("c{}", self.containers)),
                    PluginId::new("p").unwrap(),
                    self.digest.to_owned(),
                ));
            }
            OperationKind::Start => {
                self.runs += 1;
                let mut observed =
                    Self::running(ContainerStatus::Running, self.containers, self.digest, self.runs);
                if let Some(exit) = self.crash_with.clone() {
                    observed.status = ContainerStatus::Exited;
                    observed.exit = Some(exit);
                }
                if let Seen::Present(before) = &self.truth {
                    observed.limits = before.limits;
                }
                self.truth = Seen::Present(observed);
            }
            OperationKind::Stop => self.end(Exit::code(143)),
            OperationKind::Remove => self.truth = Seen::Absent,
            OperationKind::RemoveData => {}
            OperationKind::SetLimits => {
                if let Seen::Present(observed) = &mut self.truth
                    && self.sets_limits
                {
                    observed.limits = ObservedLimits::from(&self.wanted_limits);
                }
            }
        }
        if let (OperationKind::Create, Seen::Present(observed)) = (op, &mut self.truth)
            && self.has_limits
        {
            observed.limits = ObservedLimits::from(&self.wanted_limits);
        }
        Outcome::Done(self.truth.clone())
    }

    fn end(&mut self, exit: Exit) {
        if let Seen::Present(observed) = &mut self.truth {
            observed.status = ContainerStatus::Exited;
            observed.exit = Some(exit);
        }
    }

    /// The process ends by itself and the engine says so.
    fn crash(&mut self, exit: Exit) {
        self.end(exit);
        self.feed(Input::Hint);
    }

    /// Lets time pass, waking the machine whenever it asked for it.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.wake_at.filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.feed(Input::Tick);
            if self.wake_at.is_some_and(|next| next <= self.now && next == at) {
                panic!("the machine asks to be woken at a moment that has passed");
            }
        }
        self.now = until;
        self.feed(Input::Tick);
    }

    fn healthy(mut self) -> Self {
        self.feed(Input::Tick);
        assert_eq!(self.phase(), Phase::Healthy);
        self.ops.clear();
        self.events.clear();
        self
    }

    fn phase(&self) -> Phase {
        self.machine.state(self.now).phase
    }
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn a_plugin_that_shall_run_is_created_started_and_probed_until_healthy() {
    let mut bench = Bench::new(Desired::Running);
    bench.feed(Input::Tick);
    assert_eq!(
        bench.ops,
        [
            OperationKind::Inspect,
            OperationKind::Create,
            OperationKind::Start
        ]
    );
    assert_eq!(bench.phase(), Phase::Healthy);
}

#[test]
fn a_plugin_that_shall_not_run_is_left_alone() {
    let mut bench = Bench::new(Desired::Stopped);
    bench.feed(Input::Tick);
    assert_eq!(bench.ops, [OperationKind::Inspect]);
    assert_eq!(bench.phase(), Phase::Stopped);
}

#[test]
fn a_running_container_with_the_right_digest_is_adopted_and_not_restarted() {
    let mut bench = Bench::new(Desired::Running);
    bench.truth = Seen::Present(Bench::running(ContainerStatus::Running, 1, "d1", 5));
    bench.feed(Input::Tick);
    assert_eq!(bench.ops, [OperationKind::Inspect]);
    assert_eq!(bench.phase(), Phase::Healthy);
    assert_eq!(bench.machine.state(bench.now).restarts, 0);
}

#[test]
fn a_running_container_with_another_digest_is_replaced() {
    let mut bench = Bench::new(Desired::Running);
    bench.truth = Seen::Present(Bench::running(ContainerStatus::Running, 1, "d0", 5));
    bench.feed(Input::Tick);
    assert_eq!(
        bench.ops,
        [
            OperationKind::Inspect,
            OperationKind::Stop,
            OperationKind::Remove,
            OperationKind::Create,
            OperationKind::Start
        ]
    );
    assert_eq!(bench.phase(), Phase::Healthy);
}

#[test]
fn one_crash_after_a_calm_run_is_started_again_at_once() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.pass(secs(30));
    bench.ops.clear();
    bench.crash(Exit::code(137));
    assert_eq!(bench.ops, [OperationKind::Inspect, OperationKind::Start]);
    assert_eq!(bench.phase(), Phase::Healthy);
    let state = bench.machine.state(bench.now);
    assert_eq!((state.restarts, state.failure), (1, None));
}

#[test]
fn a_crash_after_a_short_run_waits_first() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.pass(secs(2));
    bench.ops.clear();
    bench.crash(Exit::code(1));
    assert_eq!(bench.ops, [OperationKind::Inspect]);
    assert_eq!(bench.phase(), Phase::Backoff);
    bench.pass(secs(1));
    assert_eq!(bench.ops, [OperationKind::Inspect, OperationKind::Start]);
    assert_eq!(bench.phase(), Phase::Healthy);
}

#[test]
fn a_crash_loop_is_visible_never_given_up_and_announced_at_its_start_and_end() {
    let mut bench = Bench::new(Desired::Running);
    bench.crash_with = Some(Exit::code(1));
    bench.feed(Input::Tick);
    bench.pass(secs(3600));
    assert_eq!(bench.phase(), Phase::CrashLoop);
    let entered = bench
        .events
        .iter()
        .filter(|e| **e == EventKind::CrashLoopEntered)
        .count();
    assert_eq!(entered, 1);
    let starts = bench.ops.iter().filter(|op| **op == OperationKind::Start).count();
    assert!((50..90).contains(&starts), "{starts} starts in an hour");

    bench.crash_with = None;
    bench.pass(secs(80));
    assert_eq!(bench.phase(), Phase::Healthy);
    assert!(bench.machine.state(bench.now).crash_loop);
    bench.pass(secs(700));
    assert!(!bench.machine.state(bench.now).crash_loop);
    assert!(bench.events.contains(&EventKind::CrashLoopLeft));
}

#[test]
fn exit_code_78_is_not_retried_until_someone_starts_it_again() {
    let mut bench = Bench::new(Desired::Running);
    bench.crash_with = Some(Exit::code(78));
    bench.feed(Input::Tick);
    bench.pass(secs(3600));
    assert_eq!(
        bench.ops,
        [
            OperationKind::Inspect,
            OperationKind::Create,
            OperationKind::Start
        ]
    );
    assert_eq!(bench.phase(), Phase::Failed);
    bench.crash_with = None;
    bench.feed(Input::Desire(Desired::Running));
    assert_eq!(bench.phase(), Phase::Healthy);
}

#[test]
fn traces_that_show_a_fault_of_the_image_end_the_starts() {
    let mut bench = Bench::new(Desired::Running);
    bench.crash_with = Some(Exit::code(1));
    bench.feed(Input::Tick);
    let told = bench.machine.state(bench.now).failure.unwrap();
    let explained = Failure {
        cause: FailureCause::Image,
        ..told.with_hint("build it for this processor")
    };
    bench.feed(Input::Explained(explained.clone()));
    assert_eq!(bench.phase(), Phase::Failed);
    bench.pass(secs(3600));
    assert_eq!(
        bench.ops,
        [
            OperationKind::Inspect,
            OperationKind::Create,
            OperationKind::Start
        ]
    );
    let state = bench.machine.state(bench.now);
    assert_eq!(
        (state.failure, state.last_failure),
        (Some(explained.clone()), Some(explained))
    );
}

#[test]
fn what_was_wrong_is_still_told_when_it_is_healthy_again() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.crash(Exit::code(3));
    let told = bench.machine.state(bench.now).failure.unwrap();
    assert_eq!(told.phase, Phase::Healthy);
    bench.pass(secs(5));
    assert_eq!(bench.phase(), Phase::Healthy);
    let explained = told.with_hint("mend it");
    bench.feed(Input::Explained(explained.clone()));
    let state = bench.machine.state(bench.now);
    assert_eq!((state.failure, state.last_failure), (None, Some(explained)));
}

#[test]
fn exit_code_137_alone_is_not_called_out_of_memory() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.crash(Exit::code(137));
    let failure = bench.machine.state(bench.now).failure.unwrap();
    assert_eq!(failure.cause, FailureCause::Exited);
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.crash(Exit {
        oom_killed: true,
        ..Exit::code(137)
    });
    let failure = bench.machine.state(bench.now).failure.unwrap();
    assert_eq!(failure.cause, FailureCause::OutOfMemory);
}

#[test]
fn a_requested_stop_is_no_failure_whatever_the_exit_code() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.feed(Input::Desire(Desired::Stopped));
    assert_eq!(bench.ops, [OperationKind::Stop]);
    let state = bench.machine.state(bench.now);
    assert_eq!(
        (state.phase, state.failure, state.last_exit),
        (Phase::Stopped, None, None)
    );
}

#[test]
fn a_plugin_that_stops_answering_is_stopped_and_started_again() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.pass(secs(60));
    bench.ops.clear();
    bench.answers = false;
    bench.pass(secs(31));
    assert_eq!(bench.ops, [OperationKind::Stop, OperationKind::Start]);
    let unresponsive =
        |event: &EventKind| matches!(event, EventKind::Failed(f) if f.cause == FailureCause::Unresponsive);
    assert!(bench.events.iter().any(unresponsive));
}

#[test]
fn one_that_never_becomes_healthy_is_started_again_after_the_deadline() {
    let mut bench = Bench::new(Desired::Running);
    bench.answers = false;
    bench.feed(Input::Tick);
    bench.pass(secs(59));
    assert_eq!(bench.phase(), Phase::Starting);
    bench.pass(secs(3));
    assert_eq!(
        bench.ops,
        [
            OperationKind::Inspect,
            OperationKind::Create,
            OperationKind::Start,
            OperationKind::Stop,
            OperationKind::Start
        ]
    );
    let failure = bench.machine.state(bench.now).failure.unwrap();
    assert_eq!(failure.cause, FailureCause::NotHealthyInTime);
    assert!(failure.message.contains("connection refused"), "{failure}");
}

#[test]
fn a_stop_while_the_container_is_made_gives_that_up_at_once() {
    let mut machine = Machine::new(Desired::Running, terms("d1", RestartMode::Always), 1);
    let now = Instant::now();
    machine.step(Input::Tick, now);
    let step = machine.step(Input::OpDone(Outcome::Done(Seen::Absent)), now);
    assert_eq!(step.op, Some(OperationKind::Create));
    let step = machine.step(Input::Desire(Desired::Stopped), now);
    assert!(step.cancel && step.op.is_none());
    let step = machine.step(Input::OpDone(Outcome::Retry("given up".to_owned())), now);
    assert_eq!(step.op, Some(OperationKind::Inspect));
    let step = machine.step(Input::OpDone(Outcome::Done(Seen::Absent)), now);
    assert_eq!(step.op, None);
    assert_eq!(machine.state(now).phase, Phase::Stopped);
}

#[test]
fn a_start_during_a_requested_stop_does_not_count_the_end_as_a_failure() {
    let mut bench = Bench::new(Desired::Running).healthy();
    let step = bench.machine.step(Input::Desire(Desired::Stopped), bench.now);
    assert_eq!(step.op, Some(OperationKind::Stop));
    bench.machine.step(Input::Desire(Desired::Running), bench.now);
    bench.end(Exit::code(137));
    let done = Outcome::Done(bench.truth.clone());
    bench.feed(Input::OpDone(done));
    assert_eq!(bench.phase(), Phase::Healthy);
    let state = bench.machine.state(bench.now);
    assert_eq!((state.last_exit, state.restarts), (None, 0));
}

#[test]
fn a_container_removed_by_hand_is_made_again() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.pass(secs(20));
    bench.ops.clear();
    bench.truth = Seen::Absent;
    bench.feed(Input::Hint);
    assert_eq!(
        bench.ops,
        [
            OperationKind::Inspect,
            OperationKind::Create,
            OperationKind::Start
        ]
    );
    assert_eq!(bench.phase(), Phase::Healthy);
}

#[test]
fn a_container_that_cannot_be_started_as_it_is_is_made_anew_once_without_a_pause() {
    let now = Instant::now();
    let mut machine = Machine::new(Desired::Running, terms("d1", RestartMode::Always), 1);
    machine.step(Input::Tick, now);
    let stopped = Seen::Present(Bench::running(ContainerStatus::Exited, 1, "d1", 1));
    let done = |seen: &Seen| Input::OpDone(Outcome::Done(seen.clone()));
    assert_eq!(machine.step(done(&stopped), now).op, Some(OperationKind::Start));
    assert_eq!(
        machine.step(done(&Seen::Absent), now).op,
        Some(OperationKind::Create)
    );
    assert_eq!(machine.state(now).failure, None);
    let made = Seen::Present(Bench::running(ContainerStatus::Created, 2, "d1", 0));
    assert_eq!(machine.step(done(&made), now).op, Some(OperationKind::Start));
    let again = machine.step(done(&Seen::Absent), now);
    assert_eq!(again.op, None, "the second time in a row there is a pause");
    assert_eq!(machine.state(now).phase, Phase::Backoff);
}

#[test]
fn a_lost_event_is_repaired_by_the_next_list() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.pass(secs(20));
    bench.ops.clear();
    bench.end(Exit::code(1));
    let listed = bench.truth.clone();
    bench.feed(Input::Listed(listed));
    assert_eq!(bench.ops, [OperationKind::Inspect, OperationKind::Start]);
}

#[test]
fn a_stale_list_makes_the_machine_look_and_nothing_more() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.feed(Input::Listed(Seen::Absent));
    assert_eq!(bench.ops, [OperationKind::Inspect]);
    assert_eq!(bench.phase(), Phase::Healthy);
}

#[test]
fn a_dead_engine_is_asked_again_with_growing_pauses_and_is_no_failure_of_the_plugin() {
    let mut machine = Machine::new(Desired::Running, terms("d1", RestartMode::Always), 1);
    let mut now = Instant::now();
    let start = now;
    let mut step = machine.step(Input::Tick, now);
    let mut looks = 0;
    while now < start + secs(120) {
        assert_eq!(step.op, Some(OperationKind::Inspect));
        looks += 1;
        let waiting = machine.step(Input::OpDone(Outcome::Retry("no answer".to_owned())), now);
        assert_eq!(waiting.op, None);
        now = waiting.wake_at.unwrap();
        step = machine.step(Input::Tick, now);
    }
    assert!((12..25).contains(&looks), "{looks}");
    let state = machine.state(now);
    assert_eq!(state.failure.unwrap().cause, FailureCause::Engine);
    assert_eq!(state.restarts, 0);
    assert!(!state.crash_loop);
}

#[test]
fn a_restart_stops_and_starts_the_same_container_once() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.feed(Input::Restart);
    assert_eq!(bench.ops, [OperationKind::Stop, OperationKind::Start]);
    assert_eq!(bench.phase(), Phase::Healthy);
    assert_eq!(bench.machine.state(bench.now).failure, None);
}

#[test]
fn removal_goes_on_until_nothing_is_left_and_keeps_data_unless_told() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.feed(Input::Desire(Desired::Removed { with_data: false }));
    assert_eq!(bench.ops, [OperationKind::Stop, OperationKind::Remove]);
    assert!(bench.machine.is_removed());

    let mut bench = Bench::new(Desired::Running).healthy();
    bench.feed(Input::Desire(Desired::Removed { with_data: true }));
    assert_eq!(
        bench.ops,
        [
            OperationKind::Stop,
            OperationKind::Remove,
            OperationKind::RemoveData
        ]
    );
    assert!(bench.machine.is_removed());
    assert_eq!(bench.phase(), Phase::Removed);
}

#[test]
fn halting_stops_the_plugin_and_does_not_change_what_is_wanted() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.feed(Input::Halt);
    assert_eq!(bench.ops, [OperationKind::Stop]);
    assert!(bench.machine.is_halted());
    assert_eq!(bench.machine.state(bench.now).desired, Desired::Running);
}

#[test]
fn the_time_to_healthy_counts_from_the_hint_of_the_death() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.pass(secs(20));
    bench.answers = false;
    bench.crash(Exit::code(137));
    bench.answers = true;
    bench.pass(secs(1));
    let time = bench.machine.state(bench.now).time_to_healthy.unwrap();
    assert!(time > Duration::ZERO && time < secs(1), "{time:?}");
}

mod held;
mod version;

mod laws {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Happening {
        Desire(Desired),
        Restart,
        Crash(i64),
        RemovedByHand,
        StopsAnswering,
        Answers,
        LosesEvents,
        List,
        Pass(u64),
        Lacks(bool),
        Bars(bool),
    }

    fn happening() -> impl Strategy<Value = Happening> {
        prop_oneof![
            Just(Happening::Desire(Desired::Running)),
            Just(Happening::Desire(Desired::Stopped)),
            Just(Happening::Restart),
            (0i64..140).prop_map(Happening::Crash),
            Just(Happening::RemovedByHand),
            Just(Happening::StopsAnswering),
            Just(Happening::Answers),
            Just(Happening::LosesEvents),
            Just(Happening::List),
            (1u64..100).prop_map(Happening::Pass),
            any::<bool>().prop_map(Happening::Lacks),
            any::<bool>().prop_map(Happening::Bars),
        ]
    }

    fn modes() -> impl Strategy<Value = RestartMode> {
        prop_oneof![
            Just(RestartMode::Always),
            Just(RestartMode::OnFailure),
            Just(RestartMode::No)
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_happens_it_converges_to_what_is_wanted(
            mode in modes(),
            story in prop::collection::vec(happening(), 0..40),
        ) {
            let mut bench = Bench::with_mode(Desired::Stopped, mode);
            let mut wanted = Desired::Stopped;
            let (mut lacks, mut bars) = (false, false);
            bench.feed(Input::Tick);
            for happening in story {
                match happening {
                    Happening::Desire(desired) => { wanted = desired; bench.feed(Input::Desire(desired)); }
                    Happening::Restart => bench.feed(Input::Restart),
                    Happening::Crash(code) => if bench.truth.is_running() { bench.crash(Exit::code(code)) },
                    Happening::RemovedByHand => { bench.truth = Seen::Absent; bench.feed(Input::Hint); }
                    Happening::StopsAnswering => bench.answers = false,
                    Happening::Answers => bench.answers = true,
                    Happening::LosesEvents => if bench.truth.is_running() { bench.end(Exit::code(1)) },
                    Happening::List => { let seen = bench.truth.clone(); bench.feed(Input::Listed(seen)) }
                    Happening::Pass(n) => bench.pass(secs(n)),
                    Happening::Lacks(now) => { lacks = now; bench.feed(held::needs(now)) }
                    Happening::Bars(now) => { bars = now; bench.feed(held::bar(now)) }
                }
                let starts = bench.ops.iter().filter(|op| **op == OperationKind::Start).count();
                if lacks || bars {
                    bench.feed(Input::Tick);
                    let more = bench.ops.iter().filter(|op| **op == OperationKind::Start).count();
                    prop_assert_eq!(starts, more, "it was started all the same");
                }
                prop_assert!(!(bars && bench.truth.is_running()), "it runs although it must not");
            }
            bench.answers = true;
            // A list comes every 30 s, and the longest pause is 72 s.
            for _ in 0..6 {
                let seen = bench.truth.clone();
                bench.feed(Input::Listed(seen));
                bench.pass(secs(30));
            }
            let held = bench.machine.is_held();
            let running = bench.truth.is_running();
            let expected = match wanted {
                Desired::Running if bench.machine.conclusion == Conclusion::Finished && !bars => Phase::Finished,
                Desired::Running if held => Phase::Failed,
                Desired::Running if lacks && running => Phase::Degraded,
                Desired::Running if lacks => Phase::Waiting,
                Desired::Running => Phase::Healthy,
                _ => Phase::Stopped,
            };
            prop_assert_eq!(bench.phase(), expected);
            prop_assert_eq!(running, matches!(expected, Phase::Healthy | Phase::Degraded));
        }
    }
}

#[test]
fn a_run_that_ended_while_the_engine_did_not_answer_is_counted() {
    let mut machine = Bench::new(Desired::Running).machine;
    let now = Instant::now();
    let created = Seen::Present(Observed::created(
        ContainerId::new("c1"),
        PluginId::new("p").unwrap(),
        "d1".to_owned(),
    ));
    machine.step(Input::Listed(created), now);
    // The answer to the start is lost, and by the next look the plugin has come and gone.
    let step = machine.step(Input::OpDone(Outcome::Retry("connection lost".to_owned())), now);
    assert_eq!(step.op, None);
    let later = now + Duration::from_secs(1);
    assert_eq!(machine.step(Input::Tick, later).op, Some(OperationKind::Inspect));
    let mut gone = Bench::running(ContainerStatus::Exited, 1, "d1", 1);
    gone.exit = Some(Exit::code(3));
    let step = machine.step(Input::OpDone(Outcome::Done(Seen::Present(gone))), later);
    assert_eq!(step.op, None, "the back-off holds the next start back");
    assert_eq!(machine.state(later).phase, Phase::Backoff);
    assert_eq!(machine.state(later).last_exit, Some(Exit::code(3)));
}

#[test]
fn a_stop_whose_answer_is_lost_does_not_excuse_a_later_crash() {
    let mut bench = Bench::new(Desired::Running);
    bench.feed(Input::Tick);
    bench.pass(Duration::from_secs(1));
    let step = bench.machine.step(Input::Restart, bench.now);
    assert_eq!(step.op, Some(OperationKind::Stop));
    bench.end(Exit::code(143));
    bench.feed(Input::OpDone(Outcome::Retry("connection lost".to_owned())));
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.machine.state(bench.now).phase, Phase::Healthy);
    bench.crash(Exit::code(1));
    assert_eq!(bench.machine.state(bench.now).phase, Phase::Backoff);
}

#[test]
fn one_that_is_still_starting_when_it_is_adopted_is_waited_for() {
    let mut bench = Bench::new(Desired::Running);
    bench.truth = Seen::Present(Bench::running(ContainerStatus::Running, 1, "d1", 5));
    bench.answers = false;
    bench.feed(Input::Tick);
    bench.pass(secs(50));
    assert_eq!(bench.phase(), Phase::Starting);
    bench.answers = true;
    bench.pass(secs(1));
    assert_eq!(bench.phase(), Phase::Healthy);
    assert!(
        bench.ops.iter().all(|op| *op == OperationKind::Inspect),
        "{:?}",
        bench.ops
    );
    assert!(
        !bench
            .events
            .iter()
            .any(|event| matches!(event, EventKind::Failed(_)))
    );
}

/// Containers that the engine starts again by itself.
mod that_outlive_their_host {
    use super::*;

    impl Bench {
        /// It ends by itself, and the engine is about to start it again.
        fn end_for_now(&mut self, exit: Exit) {
            self.end(exit);
            if let Seen::Present(observed) = &mut self.truth {
                observed.status = ContainerStatus::Restarting;
            }
        }

        /// The engine has started it again by itself.
        fn restarted_by_engine(&mut self) {
            self.runs += 1;
            let mut observed =
                Self::running(ContainerStatus::Running, self.containers, self.digest, self.runs);
            observed.restarted_by_engine = true;
            self.truth = Seen::Present(observed);
        }
    }

    #[test]
    fn a_restart_of_the_engines_is_taken_over_with_the_hosts_pauses_and_holds() {
        let mut bench = Bench::new(Desired::Running).healthy();
        bench.pass(secs(30));
        bench.ops.clear();
        bench.end_for_now(Exit::code(1));
        bench.feed(Input::Hint);
        assert_eq!(
            bench.ops,
            [OperationKind::Inspect, OperationKind::Stop, OperationKind::Start],
            "at once after a calm run"
        );
        let state = bench.machine.state(bench.now);
        assert_eq!((state.phase, state.restarts), (Phase::Healthy, 1));
        assert_eq!(state.last_failure.unwrap().exit, Some(Exit::code(1)));

        bench.ops.clear();
        bench.end_for_now(Exit::code(1));
        bench.feed(Input::Hint);
        assert_eq!(
            (bench.phase(), &bench.ops[..]),
            (Phase::Backoff, &[OperationKind::Inspect, OperationKind::Stop][..])
        );
        bench.pass(secs(2));
        assert_eq!(bench.phase(), Phase::Healthy);

        bench.end_for_now(Exit::code(78));
        bench.feed(Input::Hint);
        bench.ops.clear();
        bench.pass(secs(3600));
        assert_eq!(
            (bench.phase(), bench.ops.contains(&OperationKind::Start)),
            (Phase::Failed, false)
        );
    }

    #[test]
    fn a_run_that_the_engine_began_before_anybody_looked_counts_as_a_restart() {
        let mut bench = Bench::new(Desired::Running).healthy();
        bench.pass(secs(30));
        bench.ops.clear();
        bench.restarted_by_engine();
        bench.feed(Input::Hint);
        let state = bench.machine.state(bench.now);
        assert_eq!((state.phase, state.restarts), (Phase::Healthy, 1));
        assert!(
            state
                .last_failure
                .unwrap()
                .message
                .contains("the engine had started it again")
        );
        assert_eq!(
            bench.ops,
            [OperationKind::Inspect],
            "it runs, and there is no pause to keep"
        );

        // In a loop there is one: it is kept, and the loop is seen.
        for _ in 0..3 {
            bench.restarted_by_engine();
            bench.feed(Input::Hint);
            assert_ne!(bench.phase(), Phase::Healthy);
            bench.pass(secs(90));
            assert_eq!(bench.phase(), Phase::Healthy);
        }
        let state = bench.machine.state(bench.now);
        assert!(state.crash_loop);
        assert_eq!(
            state.restarts, 4,
            "each of them, also where the run that is stopped answered first"
        );
        let failures = bench
            .events
            .iter()
            .filter(|event| matches!(event, EventKind::Failed(_)));
        assert_eq!(failures.count(), 4, "the stops between are none");
    }

    #[test]
    fn one_that_the_engine_restarted_while_no_host_lived_is_adopted() {
        let mut bench = Bench::new(Desired::Running);
        bench.restarted_by_engine();
        bench.feed(Input::Tick);
        assert_eq!(
            (bench.phase(), &bench.ops[..]),
            (Phase::Healthy, &[OperationKind::Inspect][..])
        );
        let state = bench.machine.state(bench.now);
        assert_eq!((state.restarts, state.last_failure), (0, None));
    }

    #[test]
    fn a_plugin_that_is_wanted_down_is_kept_from_coming_back() {
        let mut bench = Bench::new(Desired::Stopped);
        bench.truth = Seen::Present(Bench::running(ContainerStatus::Restarting, 1, "d1", 5));
        bench.feed(Input::Tick);
        assert_eq!(
            (bench.phase(), &bench.ops[..]),
            (Phase::Stopped, &[OperationKind::Inspect, OperationKind::Stop][..])
        );
        // And a stop that found nothing to stop excuses no later end.
        bench.feed(Input::Desire(Desired::Running));
        bench.pass(secs(30));
        bench.crash(Exit::code(1));
        assert_eq!(bench.machine.state(bench.now).restarts, 1);
    }
}
