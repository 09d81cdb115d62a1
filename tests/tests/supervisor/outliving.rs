//! Containers that the engine starts again by itself, because plugins shall outlive their host.

use hap_host::{
    Phase, ShutdownMode,
    engine::{Exit, FakeEngine, FakeOperation},
};

use crate::{builder, count, manifest, until};

#[tokio::test]
async fn a_host_adopts_what_the_engine_restarted_and_takes_restarts_over_while_it_lives() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let start = async || {
        let builder = builder(&engine, state.path()).restart_without_host(true);
        builder.start().await.unwrap()
    };
    let first = start().await;
    let light = first.install(manifest("light")).await.unwrap();
    light.start().await.unwrap();
    let id = light.id().clone();
    let container = light.state().container;
    first.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop((first, light));
    engine.crash(&id, Exit::code(1));
    engine.restart_by_engine(&id);

    let second = start().await;
    let light = second.plugin(&id).unwrap();
    let adopted = until(&light, |state| state.phase == Phase::Healthy).await;
    assert_eq!((adopted.container.clone(), adopted.restarts), (container, 0));
    engine.crash(&id, Exit::code(1));
    let mended = until(&light, |state| {
        state.restarts == 1 && state.phase == Phase::Healthy
    })
    .await;
    assert_eq!(mended.last_exit, Some(Exit::code(1)));
    engine.crash(&id, Exit::code(78));
    until(&light, |state| state.phase == Phase::Failed).await;
    // Stopped by the host, so the engine starts nothing.
    let starts = engine.runs().len();
    engine.restart_by_engine(&id);
    assert_eq!(engine.runs().len(), starts);
    second.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    drop((second, light));

    // Another choice is another container.
    let third = builder(&engine, state.path()).start().await.unwrap();
    let light = third.plugin(&id).unwrap();
    until(&light, |state| state.phase == Phase::Healthy).await;
    assert_eq!(count(&engine, FakeOperation::Create), 2);
}
