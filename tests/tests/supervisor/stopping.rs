//! Plugins that do not stop when they are asked.

use std::time::{Duration, Instant};

use hap_host::{
    Phase, PluginHandle, PluginSource, Policy, ShutdownMode, Supervisor,
    engine::{FakeEngine, FakeOperation, Progress, ProgressSink},
};

use crate::{DEADLINE, builder, count, manifest_with, supervisor, until};

/// Far beyond what any test waits for.
const DAY: &str = r#","stop_timeout":"24h""#;
const SOON: Duration = Duration::from_secs(30);

/// A plugin that runs and ignores that it is asked to stop.
async fn stubborn(supervisor: &Supervisor, engine: &FakeEngine, id: &str) -> PluginHandle {
    let plugin = supervisor.install(manifest_with(id, DAY)).await.unwrap();
    engine.ignore_stops(plugin.id());
    plugin.start().await.unwrap();
    plugin
}

#[tokio::test]
async fn a_plugin_that_asks_for_a_day_to_stop_is_removed_within_the_bound_of_the_host() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let policy = Policy::default().max_stop_timeout(Duration::from_millis(200));
    let supervisor = builder(&engine, state.path())
        .policy(policy)
        .start()
        .await
        .unwrap();
    let plugin = stubborn(&supervisor, &engine, "light").await;
    let begun = Instant::now();
    tokio::time::timeout(DEADLINE, plugin.uninstall())
        .await
        .unwrap()
        .unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(200), "it had its grace");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert_eq!(count(&engine, FakeOperation::Kill), 0);
    assert!(engine.containers().is_empty());
}

#[tokio::test]
async fn a_longer_time_to_stop_than_the_host_gives_is_told_before_and_at_the_installation() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let source = || PluginSource::from(manifest_with("light", DAY));
    let review = supervisor.review(source(), []).await.unwrap();
    let [warning] = &review.warnings[..] else {
        panic!("{:?}", review.warnings);
    };
    assert!(warning.contains("86400s") && warning.contains("60s"), "{warning}");
    let (sink, mut progress) = ProgressSink::stream();
    supervisor.install(source()).progress(sink).await.unwrap();
    let mut told = false;
    while let Some(report) = progress.next().await {
        told |= report == Progress::Step(warning.clone());
    }
    assert!(told);
    let modest = PluginSource::from(manifest_with("modest", r#","stop_timeout":"60s""#));
    assert!(supervisor.review(modest, []).await.unwrap().warnings.is_empty());
}

#[tokio::test]
async fn a_forced_stop_kills_at_once_also_what_is_stopping_already() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let policy = Policy::default().max_stop_timeout(Duration::from_secs(3600));
    let supervisor = builder(&engine, state.path())
        .policy(policy)
        .start()
        .await
        .unwrap();
    let plugin = stubborn(&supervisor, &engine, "light").await;
    let asked = tokio::spawn(plugin.stop().into_future());
    until(&plugin, |state| state.phase == Phase::Stopping).await;
    tokio::time::timeout(DEADLINE, plugin.stop().force(true))
        .await
        .unwrap()
        .unwrap();
    tokio::time::timeout(DEADLINE, asked)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(count(&engine, FakeOperation::Stop), 1);
    assert_eq!(count(&engine, FakeOperation::Kill), 1);

    // It holds for that stop alone.
    plugin.start().await.unwrap();
    let asked = tokio::spawn(plugin.stop().into_future());
    until(&plugin, |state| state.phase == Phase::Stopping).await;
    tokio::time::timeout(DEADLINE, plugin.uninstall().force(true))
        .await
        .unwrap()
        .unwrap();
    drop(asked);
    assert_eq!(count(&engine, FakeOperation::Stop), 2);
    assert_eq!(count(&engine, FakeOperation::Kill), 2);
}

#[tokio::test]
async fn a_forced_restart_asks_nobody_and_the_plugin_runs_again() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let policy = Policy::default().max_stop_timeout(Duration::from_secs(3600));
    let supervisor = builder(&engine, state.path())
        .policy(policy)
        .start()
        .await
        .unwrap();
    let plugin = stubborn(&supervisor, &engine, "light").await;
    tokio::time::timeout(DEADLINE, plugin.restart().force(true))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(plugin.state().phase, Phase::Healthy);
    assert_eq!(count(&engine, FakeOperation::Stop), 0);
    assert_eq!(count(&engine, FakeOperation::Kill), 1);
    assert_eq!(count(&engine, FakeOperation::Start), 2);
}

#[tokio::test]
async fn the_shutdown_of_the_host_has_a_bound_that_no_manifest_moves() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let builder = builder(&engine, state.path())
        .policy(Policy::default().max_stop_timeout(Duration::from_secs(3600)))
        .shutdown_timeout(Duration::from_secs(4));
    let supervisor = builder.start().await.unwrap();
    let light = stubborn(&supervisor, &engine, "light").await;
    // One that has to stop first is no reason to wait for longer.
    let lamp = manifest_with("lamp", r#","stop_timeout":"24h","depends_on":["light"]"#);
    let lamp = supervisor.install(lamp).await.unwrap();
    engine.ignore_stops(lamp.id());
    lamp.start().await.unwrap();
    let begun = Instant::now();
    let down = supervisor.shutdown(ShutdownMode::StopPlugins);
    tokio::time::timeout(DEADLINE, down).await.unwrap().unwrap();
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert_eq!(count(&engine, FakeOperation::Kill), 2);
    drop(light);
}
