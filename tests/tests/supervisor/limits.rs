//! Limits that an operator changes while a plugin runs.

use hap_host::{
    ErrorKind, LimitOverrides, Phase, Policy,
    engine::{EngineErrorKind, FakeEngine, FakeOperation},
};

use crate::{builder, count, manifest_with, supervisor, until};

fn memory(text: &str) -> LimitOverrides {
    LimitOverrides::default().memory(text.parse().unwrap())
}

#[tokio::test]
async fn limits_change_without_a_restart_and_outlive_the_host() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let host = supervisor(&engine, state.path()).await;
    let light = host
        .install(manifest_with("light", r#","memory_limit":"128m""#))
        .await
        .unwrap();
    light.start().await.unwrap();
    let container = light.state().container;
    light.set_limits(memory("64m")).await.unwrap();
    assert_eq!(light.limits().memory_bytes, 64 << 20);
    assert_eq!(engine.spec(light.id()).unwrap().limits.memory_bytes, 64 << 20);
    assert_eq!(
        (light.state().container, light.state().phase),
        (container.clone(), Phase::Healthy)
    );
    assert_eq!(count(&engine, FakeOperation::Stop), 0);

    host.shutdown(hap_host::ShutdownMode::LeaveRunning).await.unwrap();
    let host = supervisor(&engine, state.path()).await;
    let light = host.plugin(light.id()).unwrap();
    until(&light, |state| state.phase == Phase::Healthy).await;
    assert_eq!(light.limit_overrides(), memory("64m"));
    assert_eq!(light.state().container, container);
    light.set_limits(LimitOverrides::default()).await.unwrap();
    assert_eq!(light.limits().memory_bytes, 128 << 20);
    assert_eq!(light.state().container, container);
}

#[tokio::test]
async fn limits_that_the_engine_cannot_change_in_place_come_with_another_container() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let host = supervisor(&engine, state.path()).await;
    let light = host.install(manifest_with("light", "")).await.unwrap();
    light.start().await.unwrap();
    let container = light.state().container;
    engine.fail_next(FakeOperation::SetLimits, EngineErrorKind::Failed);
    light.set_limits(memory("8m")).await.unwrap();
    until(&light, |state| state.phase == Phase::Healthy).await;
    assert_ne!(light.state().container, container);
    assert_eq!(engine.spec(light.id()).unwrap().limits.memory_bytes, 8 << 20);
}

#[tokio::test]
async fn nobody_gets_more_than_the_policy_gives() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let policy = Policy::default().max_memory("512m".parse().unwrap());
    let host = builder(&engine, state.path())
        .policy(policy)
        .start()
        .await
        .unwrap();
    let light = host.install(manifest_with("light", "")).await.unwrap();
    let error = light.set_limits(memory("1g")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotPermitted, "{error}");
    assert_eq!(light.limit_overrides(), LimitOverrides::default());
    light.set_limits(memory("512m")).await.unwrap();
}
