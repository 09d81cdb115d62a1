//! Another version, other limits, and a plugin that is kept down for its data.

use super::*;
use crate::{
    model::{failure::FailureCause, probe::ProbeResult, run_policy::ProbationPolicy},
    reconcile::machine::step::Outcome,
};

fn version(bench: &mut Bench, digest: &'static str, probation: Option<ProbationPolicy>) {
    bench.digest = digest;
    bench.ops.clear();
    let terms = terms(digest, RestartMode::Always);
    bench.feed(Input::Version(Box::new(terms), probation));
}

fn on_probation(digest: &'static str, crash: Option<Exit>) -> Bench {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.pass(secs(3600));
    bench.crash_with = crash;
    version(&mut bench, digest, Some(ProbationPolicy::default()));
    bench
}

#[test]
fn a_new_version_takes_the_place_of_the_old_one() {
    let mut bench = Bench::new(Desired::Running).healthy();
    version(&mut bench, "d2", None);
    assert_eq!(
        bench.ops,
        [
            OperationKind::Stop,
            OperationKind::Remove,
            OperationKind::Create,
            OperationKind::Start
        ]
    );
    assert_eq!(bench.phase(), Phase::Healthy);
    assert_eq!(bench.machine.state(bench.now).failure, None);
}

#[test]
fn a_version_passes_by_its_own_health_and_not_by_that_of_the_one_before() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.pass(secs(3600));
    bench.digest = "d2";
    // The old one has been healthy for an hour, and is still there when the watch begins.
    let terms = Box::new(terms("d2", RestartMode::Always));
    let step = bench
        .machine
        .step(Input::Version(terms, Some(ProbationPolicy::default())), bench.now);
    assert_eq!((step.op, step.verdict), (Some(OperationKind::Stop), None));
    bench.end(Exit::code(143));
    let stopped = Outcome::Done(bench.truth.clone());
    bench.feed(Input::OpDone(stopped));
    assert_eq!(bench.phase(), Phase::Healthy);
    bench.pass(secs(9));
    assert_eq!(bench.verdicts, []);
    bench.pass(secs(2));
    assert_eq!(bench.verdicts, [ProbationVerdict::Passed]);
    bench.pass(secs(3600));
    assert_eq!(bench.verdicts.len(), 1, "told once");
}

#[test]
fn a_version_that_crashes_is_lost_after_three_runs() {
    let mut bench = on_probation("d2", Some(Exit::code(1)));
    bench.pass(secs(60));
    let [ProbationVerdict::Failed(failure)] = &bench.verdicts[..] else {
        panic!("{:?}", bench.verdicts);
    };
    assert_eq!(failure.cause, FailureCause::Exited);
    let starts = bench.ops.iter().filter(|op| **op == OperationKind::Start).count();
    assert!(starts >= 3, "{starts}");
}

#[test]
fn a_version_that_says_its_configuration_is_wrong_is_lost_at_once() {
    let bench = on_probation("d2", Some(Exit::code(78)));
    assert!(
        matches!(&bench.verdicts[..], [ProbationVerdict::Failed(f)] if f.cause == FailureCause::Configuration)
    );
}

#[test]
fn a_version_that_is_never_healthy_is_lost_when_its_time_is_over() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.answers = false;
    let slow = ProbationPolicy::default().failed_runs(1000);
    version(&mut bench, "d2", Some(slow));
    bench.pass(secs(299));
    assert_eq!(bench.verdicts, []);
    bench.pass(secs(2));
    assert!(matches!(&bench.verdicts[..], [ProbationVerdict::Failed(_)]));
}

#[test]
fn a_version_that_does_its_work_and_ends_passes_and_one_that_is_started_once_has_one_try() {
    for (mode, code, passes) in [(RestartMode::OnFailure, 0, true), (RestartMode::No, 1, false)] {
        let mut bench = Bench::with_mode(Desired::Running, mode).healthy();
        bench.crash_with = Some(Exit::code(code));
        bench.digest = "d2";
        let terms = Box::new(terms("d2", mode));
        bench.feed(Input::Version(terms, Some(ProbationPolicy::default())));
        let passed = bench.verdicts == [ProbationVerdict::Passed];
        assert!(
            passed == passes && bench.verdicts.len() == 1,
            "{:?}",
            bench.verdicts
        );
    }
}

#[test]
fn a_version_whose_predecessor_the_engine_will_not_take_away_is_lost() {
    let mut bench = Bench::new(Desired::Running).healthy();
    let terms = Box::new(terms("d2", RestartMode::Always));
    let input = Input::Version(terms, Some(ProbationPolicy::default()));
    assert_eq!(bench.machine.step(input, bench.now).op, Some(OperationKind::Stop));
    bench.end(Exit::code(143));
    let stopped = Input::OpDone(Outcome::Done(bench.truth.clone()));
    assert_eq!(
        bench.machine.step(stopped, bench.now).op,
        Some(OperationKind::Remove)
    );
    let refused = Failure::new(FailureCause::Refused, "remove it: no");
    let step = bench
        .machine
        .step(Input::OpDone(Outcome::Permanent(refused)), bench.now);
    assert!(matches!(step.verdict, Some(ProbationVerdict::Failed(f)) if f.cause == FailureCause::Refused));
}

#[test]
fn a_version_whose_traces_say_that_no_start_will_ever_succeed_is_lost_at_once() {
    let mut bench = on_probation("d2", Some(Exit::code(127)));
    assert_eq!(bench.verdicts, []);
    let told = bench.machine.state(bench.now).failure.unwrap();
    bench.feed(Input::Explained(Failure {
        cause: FailureCause::Image,
        ..told
    }));
    assert!(matches!(&bench.verdicts[..], [ProbationVerdict::Failed(f)] if f.cause == FailureCause::Image));
}

#[test]
fn the_watch_waits_while_the_plugin_shall_not_run() {
    let mut bench = Bench::new(Desired::Running).healthy();
    version(&mut bench, "d2", Some(ProbationPolicy::default()));
    bench.feed(Input::Desire(Desired::Stopped));
    bench.pass(secs(3600));
    assert_eq!(bench.verdicts, []);
    bench.feed(Input::Desire(Desired::Running));
    bench.pass(secs(11));
    assert_eq!(bench.verdicts, [ProbationVerdict::Passed]);
}

#[test]
fn a_plugin_that_is_held_goes_down_and_comes_back_without_a_failure() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.ops.clear();
    bench.feed(Input::Hold(Hold::Down));
    assert_eq!(bench.ops, [OperationKind::Stop]);
    assert!(bench.machine.is_held_down());
    assert_eq!(bench.phase(), Phase::Updating);
    bench.pass(secs(60));
    assert_eq!(bench.ops, [OperationKind::Stop]);
    bench.feed(Input::Hold(Hold::Gone));
    assert_eq!(bench.ops, [OperationKind::Stop, OperationKind::Remove]);
    assert!(bench.machine.is_held_down());
    bench.feed(Input::Hold(Hold::None));
    assert_eq!(
        bench.ops,
        [
            OperationKind::Stop,
            OperationKind::Remove,
            OperationKind::Create,
            OperationKind::Start
        ]
    );
    let state = bench.machine.state(bench.now);
    assert_eq!(
        (state.phase, state.failure, state.last_exit),
        (Phase::Healthy, None, None)
    );
}

#[test]
fn what_is_wanted_while_a_plugin_is_held_holds_afterwards() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.feed(Input::Hold(Hold::Down));
    bench.feed(Input::Desire(Desired::Stopped));
    bench.feed(Input::Hold(Hold::None));
    assert_eq!(bench.phase(), Phase::Stopped);

    let mut bench = Bench::new(Desired::Stopped);
    bench.feed(Input::Tick);
    bench.feed(Input::Hold(Hold::Gone));
    assert!(bench.machine.is_held_down());
    bench.feed(Input::Desire(Desired::Running));
    assert_eq!(bench.phase(), Phase::Updating);
    bench.feed(Input::Desire(Desired::Removed { with_data: true }));
    assert_eq!(bench.phase(), Phase::Removed);
}

fn other_limits(bench: &mut Bench) {
    bench.wanted_limits = ResourceLimits::new(32 << 20, 500_000_000, 8);
    bench.ops.clear();
    let mark = SpecMark {
        limits: bench.wanted_limits,
        ..mark("d1")
    };
    bench.feed(Input::Spec(mark));
}

#[test]
fn limits_are_changed_in_place_where_the_engine_can() {
    let mut bench = Bench::new(Desired::Running).healthy();
    other_limits(&mut bench);
    assert_eq!(bench.ops, [OperationKind::SetLimits]);
    assert!(bench.machine.has_its_limits());
    assert_eq!(bench.phase(), Phase::Healthy);
}

#[test]
fn limits_that_cannot_be_changed_in_place_make_the_container_anew() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.sets_limits = false;
    other_limits(&mut bench);
    assert_eq!(
        bench.ops,
        [
            OperationKind::SetLimits,
            OperationKind::Stop,
            OperationKind::Remove,
            OperationKind::Create,
            OperationKind::Start
        ]
    );
    assert!(bench.machine.has_its_limits());
    assert_eq!(bench.machine.state(bench.now).failure, None);
}

#[test]
fn limits_that_no_container_gets_do_not_make_containers_without_end() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.sets_limits = false;
    bench.has_limits = false;
    if let Seen::Present(observed) = &mut bench.truth {
        observed.limits = ObservedLimits::from(&mark("d1").limits);
    }
    other_limits(&mut bench);
    bench.pass(secs(3600));
    assert_eq!(
        bench
            .ops
            .iter()
            .filter(|op| **op == OperationKind::Create)
            .count(),
        1
    );
    assert_eq!(bench.phase(), Phase::Healthy);
}

#[test]
fn limits_that_somebody_changed_by_hand_are_put_back() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.ops.clear();
    if let Seen::Present(observed) = &mut bench.truth {
        observed.limits.memory_bytes = Some(8 << 30);
    }
    let listed = bench.truth.clone();
    bench.feed(Input::Listed(listed));
    assert_eq!(bench.ops, [OperationKind::Inspect, OperationKind::SetLimits]);
}

#[test]
fn a_stopped_plugin_gets_its_limits_before_it_starts() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.feed(Input::Desire(Desired::Stopped));
    other_limits(&mut bench);
    assert_eq!(bench.ops, []);
    bench.feed(Input::Desire(Desired::Running));
    assert_eq!(bench.ops, [OperationKind::SetLimits, OperationKind::Start]);
}

/// How a version stops being healthy.
#[derive(Debug, Clone, Copy)]
enum Turn {
    /// It answers its health checks with an error.
    Refuses,
    /// It answers them no more, and the probe gives up after its three seconds.
    Hangs,
    /// Its process ends.
    Ends,
}

/// A version that needs a moment to be healthy after each start, is healthy for `healthy_for`, and
/// then is not. Returns what its probation came to. Everything that takes time takes a time that
/// the seed chooses.
fn verdict_on(seed: u64, healthy_for: Duration, turn: Turn) -> ProbationVerdict {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bench = Bench::new(Desired::Running);
    bench.machine = Machine::new(Desired::Running, terms("d1", RestartMode::Always), seed);
    let mut bench = bench.healthy();
    bench.pass(secs(60));
    bench.digest = "d2";
    let terms = Box::new(terms("d2", RestartMode::Always));
    let mut due = vec![(bench.now, Input::Version(terms, Some(ProbationPolicy::default())))];
    let mut well_from = bench.now;
    let end = bench.now + secs(900);
    while bench.now < end {
        let next = (0..due.len()).min_by_key(|index| due[*index].0);
        let woken = bench
            .wake_at
            .filter(|at| next.is_none_or(|next| *at < due[next].0));
        let input = match (woken, next) {
            (Some(at), _) => {
                bench.now = bench.now.max(at);
                Input::Tick
            }
            (None, Some(next)) => {
                let (at, input) = due.swap_remove(next);
                bench.now = bench.now.max(at);
                input
            }
            (None, None) => panic!("nothing happens any more"),
        };
        if matches!(input, Input::Hint) {
            bench.end(Exit::code(1));
        }
        let step = bench.machine.step(input, bench.now);
        bench.wake_at = step.wake_at;
        if let Some(verdict) = step.verdict {
            return verdict;
        }
        let after = |random: &mut fastrand::Rng, now, most| now + Duration::from_millis(random.u64(0..most));
        if let Some(op) = step.op {
            let done = bench.perform(op);
            let at = after(&mut random, bench.now, 300);
            if op == OperationKind::Start {
                well_from = after(&mut random, at, 1_500);
                if matches!(turn, Turn::Ends) {
                    due.push((well_from + healthy_for, Input::Hint));
                }
            }
            due.push((at, Input::OpDone(done)));
        }
        if let Some(generation) = step.probe {
            let well = bench.truth.is_running() && (well_from..well_from + healthy_for).contains(&bench.now);
            let (result, most) = match (well, turn) {
                (true, _) => (
                    ProbeResult::Answered {
                        degraded: false,
                        message: None,
                    },
                    900,
                ),
                (false, Turn::Hangs) => (ProbeResult::Missed("timed out".to_owned()), 3_000),
                (false, _) => (ProbeResult::Missed("answered 500".to_owned()), 50),
            };
            due.push((
                after(&mut random, bench.now, most),
                Input::Probe { generation, result },
            ));
        }
    }
    panic!("a probation of five minutes was not over after fifteen");
}

#[test]
fn a_version_that_is_healthy_for_less_than_its_probation_never_passes() {
    for seed in 0..100 {
        let healthy_for = secs([1, 2, 5, 9][fastrand::Rng::with_seed(seed).usize(0..4)]);
        for turn in [Turn::Refuses, Turn::Hangs, Turn::Ends] {
            let verdict = verdict_on(seed, healthy_for, turn);
            assert!(
                matches!(verdict, ProbationVerdict::Failed(_)),
                "seed {seed}: healthy for {healthy_for:?}, then {turn:?}"
            );
        }
    }
}

#[test]
fn a_version_that_is_healthy_for_a_little_more_than_its_probation_passes() {
    for seed in 0..100 {
        let verdict = verdict_on(seed, secs(14), Turn::Ends);
        assert_eq!(verdict, ProbationVerdict::Passed, "seed {seed}");
    }
}

#[test]
fn a_version_that_misses_now_and_then_passes_only_after_a_time_without_a_miss() {
    let mut bench = Bench::new(Desired::Running).healthy();
    version(&mut bench, "d2", Some(ProbationPolicy::default()));
    for _ in 0..20 {
        bench.pass(secs(8));
        bench.answers = false;
        bench.pass(secs(1));
        bench.answers = true;
        bench.pass(secs(1));
    }
    assert_eq!(bench.verdicts, []);
    bench.pass(secs(11));
    assert_eq!(bench.verdicts, [ProbationVerdict::Passed]);
}
