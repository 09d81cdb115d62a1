use hap_host::{Phase, ShutdownMode, engine::Engine as _};
use hap_tests::docker::{Instance, probe_image};

use crate::{probe, supervisor, until};

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_plugin_that_outlives_its_host_is_adopted_and_not_restarted() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let image = probe_image().await;
    let first = supervisor(&instance, state.path()).await;
    let plugin = first.install(probe("probe", &image, "")).await.unwrap();
    plugin.start().await.unwrap();
    let container = plugin.state().container.unwrap();
    let port = first.events_port();
    let before = instance.engine().inspect(&container).await.unwrap();
    first.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop((first, plugin));

    let second = supervisor(&instance, state.path()).await;
    assert_eq!(second.events_port(), port, "the plugin knows this port");
    let plugin = second.plugin(&before.plugin).unwrap();
    let adopted = until(&plugin, |state| state.phase == Phase::Healthy).await;
    assert_eq!(adopted.container, Some(container.clone()));
    let after = instance.engine().inspect(&container).await.unwrap();
    assert_eq!(before.started_at, after.started_at);
    assert_eq!(adopted.restarts, 0);
    second.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_plugin_that_was_stopped_with_its_host_runs_again_with_the_next() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let image = probe_image().await;
    let first = supervisor(&instance, state.path()).await;
    let running = first.install(probe("running", &image, "")).await.unwrap();
    running.start().await.unwrap();
    let stopped = first.install(probe("stopped", &image, "")).await.unwrap();
    first.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    let container = running.state().container.unwrap();
    assert!(
        instance
            .engine()
            .inspect(&container)
            .await
            .unwrap()
            .exit
            .is_some()
    );
    drop(first);

    let second = supervisor(&instance, state.path()).await;
    until(&second.plugin(running.id()).unwrap(), |state| {
        state.phase == Phase::Healthy
    })
    .await;
    until(&second.plugin(stopped.id()).unwrap(), |state| {
        state.phase == Phase::Stopped
    })
    .await;
    second.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_container_that_was_removed_by_hand_is_made_again() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let image = probe_image().await;
    let supervisor = supervisor(&instance, state.path()).await;
    let plugin = supervisor.install(probe("probe", &image, "")).await.unwrap();
    plugin.start().await.unwrap();
    let container = plugin.state().container.unwrap();
    instance.engine().remove(&container).await.unwrap();
    let another = |id: &Option<_>| id.as_ref().is_some_and(|id| *id != container);
    until(&plugin, |state| {
        state.phase == Phase::Healthy && another(&state.container)
    })
    .await;
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}
