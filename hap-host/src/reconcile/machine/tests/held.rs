//! What keeps a plugin from being started: its dependencies, a bar, and its own restart mode.

use super::*;
use crate::model::{dependency::UnmetDependencyReason, failure::FailureCause};

pub(super) fn needs(lacks: bool) -> Input {
    let missing = UnmetDependency {
        plugin: PluginId::new("broker").unwrap(),
        reason: UnmetDependencyReason::NotInstalled,
    };
    Input::Needs(lacks.then_some(missing).into_iter().collect())
}

pub(super) fn bar(bars: bool) -> Input {
    Input::Bar(bars.then(|| Failure::new(FailureCause::NotPermitted, "wants too much")))
}

/// Starts since the bench was healthy.
fn starts(bench: &Bench) -> usize {
    bench.ops.iter().filter(|op| **op == OperationKind::Start).count()
}

#[test]
fn a_start_waits_for_what_is_missing_and_follows_it_at_once() {
    let mut bench = Bench::new(Desired::Stopped);
    bench.feed(needs(true));
    assert_eq!(bench.phase(), Phase::Stopped);
    bench.feed(Input::Desire(Desired::Running));
    assert_eq!(bench.phase(), Phase::Waiting);
    assert_eq!(bench.machine.state(bench.now).unmet_dependencies.len(), 1);
    bench.pass(secs(299));
    assert_eq!((bench.phase(), starts(&bench)), (Phase::Waiting, 0));
    bench.feed(needs(false));
    assert_eq!(bench.phase(), Phase::Healthy);
    let state = bench.machine.state(bench.now);
    assert_eq!(
        (state.restarts, state.unmet_dependencies, state.failure),
        (0, vec![], None)
    );
}

#[test]
fn waiting_for_too_long_is_a_failure_that_is_told_each_time_and_ends_by_itself() {
    let mut bench = Bench::new(Desired::Running);
    bench.feed(needs(true));
    let told = |bench: &Bench| {
        let failed = bench
            .events
            .iter()
            .filter(|event| matches!(event, EventKind::Failed(_)));
        failed.count()
    };
    bench.pass(secs(301));
    let failure = bench.machine.state(bench.now).failure.unwrap();
    assert_eq!(failure.cause, FailureCause::Dependency);
    assert!(
        failure.message.contains("broker, which is not installed"),
        "{failure}"
    );
    assert_eq!((bench.phase(), told(&bench)), (Phase::Waiting, 1));
    bench.pass(secs(600));
    assert_eq!(told(&bench), 3);
    bench.feed(needs(false));
    assert_eq!(bench.phase(), Phase::Healthy);
    assert_eq!(
        bench.machine.state(bench.now).restarts,
        0,
        "nothing of it has failed"
    );
}

#[test]
fn losing_a_dependency_degrades_what_runs_and_is_told_once_each_way() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.events.clear();
    bench.feed(needs(true));
    bench.feed(needs(true));
    assert_eq!(bench.phase(), Phase::Degraded);
    assert!(bench.truth.is_running());
    bench.feed(needs(false));
    bench.feed(needs(false));
    assert_eq!(bench.phase(), Phase::Healthy);
    let told: Vec<_> = bench
        .events
        .iter()
        .filter(|event| !matches!(event, EventKind::Phase { .. }))
        .collect();
    assert!(
        matches!(&told[..], [EventKind::DependenciesLost(unmet), EventKind::DependenciesBack] if unmet.len() == 1),
        "{told:?}"
    );
}

#[test]
fn a_plugin_that_dies_without_its_dependency_waits_for_it() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.pass(secs(20));
    bench.feed(needs(true));
    bench.crash(Exit::code(1));
    bench.pass(secs(5));
    assert_eq!(bench.phase(), Phase::Waiting);
    bench.feed(needs(false));
    assert_eq!(bench.phase(), Phase::Healthy);
}

#[test]
fn one_that_must_not_run_is_stopped_and_runs_again_when_the_bar_is_lifted() {
    let mut bench = Bench::new(Desired::Running).healthy();
    bench.feed(bar(true));
    assert_eq!(bench.phase(), Phase::Failed);
    assert!(!bench.truth.is_running());
    let state = bench.machine.state(bench.now);
    assert_eq!(state.failure.unwrap().cause, FailureCause::NotPermitted);
    assert_eq!(state.last_exit, None, "the stop was ours");
    // Wanting it does not help.
    bench.feed(Input::Desire(Desired::Running));
    bench.pass(secs(600));
    assert_eq!((bench.phase(), starts(&bench)), (Phase::Failed, 0));
    bench.feed(bar(false));
    assert_eq!(bench.phase(), Phase::Healthy);
}

#[test]
fn a_bar_says_nothing_about_a_plugin_that_nobody_wants() {
    let mut bench = Bench::new(Desired::Stopped);
    bench.feed(bar(true));
    assert_eq!(bench.phase(), Phase::Stopped);
    assert_eq!(bench.machine.state(bench.now).failure, None);
}

#[test]
fn what_follows_an_end_is_up_to_the_restart_mode() {
    for (mode, code, phase) in [
        (RestartMode::Always, 0, Phase::Backoff),
        (RestartMode::Always, 1, Phase::Backoff),
        (RestartMode::OnFailure, 0, Phase::Finished),
        (RestartMode::OnFailure, 1, Phase::Backoff),
        (RestartMode::No, 0, Phase::Finished),
        (RestartMode::No, 1, Phase::Failed),
    ] {
        let mut bench = Bench::with_mode(Desired::Running, mode).healthy();
        bench.crash(Exit::code(code));
        assert_eq!(bench.phase(), phase, "{mode:?} {code}");
        bench.pass(secs(600));
        let again = usize::from(phase == Phase::Backoff);
        assert_eq!(starts(&bench), again, "{mode:?} {code}");
        let failed = bench.machine.state(bench.now).failure.is_some();
        assert_eq!(failed, phase == Phase::Failed, "{mode:?} {code}");
        bench.feed(Input::Desire(Desired::Running));
        assert_eq!(bench.phase(), Phase::Healthy, "{mode:?} {code}: somebody acted");
    }
}

#[test]
fn one_that_is_never_started_again_is_not_after_it_stopped_answering_either() {
    let mut bench = Bench::with_mode(Desired::Running, RestartMode::No).healthy();
    bench.answers = false;
    bench.pass(secs(120));
    assert_eq!((bench.phase(), starts(&bench)), (Phase::Failed, 0));
    assert!(!bench.truth.is_running());
}

#[test]
fn of_a_plugin_that_is_not_started_again_the_last_run_says_how_it_ended() {
    let mut bench = Bench::with_mode(Desired::Running, RestartMode::No).healthy();
    for (code, phase) in [(0, Phase::Finished), (1, Phase::Failed), (0, Phase::Finished)] {
        bench.crash(Exit::code(code));
        assert_eq!(bench.phase(), phase, "after exit code {code}");
        // Somebody starts the container by hand.
        bench.perform(OperationKind::Start);
        bench.feed(Input::Hint);
        assert_eq!(bench.phase(), Phase::Healthy);
    }
}
