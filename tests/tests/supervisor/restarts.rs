use hap_host::{
    ErrorKind, FailureCause, Phase,
    engine::{Exit, FakeEngine, FakeOperation, SimulatedHealth},
};

use crate::{count, manifest, supervisor, until};

#[tokio::test]
async fn one_that_crashes_at_each_start_is_a_crash_loop_until_it_is_mended() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let plugin = supervisor.install(manifest("light")).await.unwrap();
    engine.crash_at_start(plugin.id(), Some(Exit::code(1)));
    let error = plugin.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(error.to_string().contains("exit code 1"), "{error}");
    until(&plugin, |state| state.phase == Phase::CrashLoop).await;
    engine.crash_at_start(plugin.id(), None);
    let healed = until(&plugin, |state| state.phase == Phase::Healthy).await;
    assert!(healed.crash_loop, "one healthy moment does not end the loop");
    assert!(engine.concurrent_operations().is_empty());
}

#[tokio::test]
async fn one_that_stops_answering_is_started_again() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let plugin = supervisor.install(manifest("light")).await.unwrap();
    plugin.start().await.unwrap();
    engine.set_health(plugin.id(), SimulatedHealth::Failing("no answer".to_owned()));
    let failing = until(&plugin, |state| state.failure.is_some()).await;
    assert_eq!(failing.failure.unwrap().cause, FailureCause::Unresponsive);
    engine.set_health(plugin.id(), SimulatedHealth::Healthy);
    until(&plugin, |state| {
        state.restarts == 1 && state.phase == Phase::Healthy
    })
    .await;
}

#[tokio::test]
async fn one_that_is_degraded_is_shown_and_left_running() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let plugin = supervisor.install(manifest("light")).await.unwrap();
    engine.set_health(plugin.id(), SimulatedHealth::Degraded);
    plugin.start().await.unwrap();
    until(&plugin, |state| state.phase == Phase::Degraded).await;
    engine.set_health(plugin.id(), SimulatedHealth::Healthy);
    until(&plugin, |state| state.phase == Phase::Healthy).await;
    assert_eq!(count(&engine, FakeOperation::Start), 1);
}

#[tokio::test]
async fn a_lost_event_only_delays() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let plugin = supervisor.install(manifest("light")).await.unwrap();
    plugin.start().await.unwrap();
    engine.lose_events(1);
    engine.crash(plugin.id(), Exit::code(1));
    until(&plugin, |state| {
        state.restarts == 1 && state.phase == Phase::Healthy
    })
    .await;
}
