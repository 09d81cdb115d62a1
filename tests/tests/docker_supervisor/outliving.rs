//! Plugins that outlive their host: the engine restarts them while nobody else does.

use std::{path::Path, time::Duration};

use hap_host::{
    Phase, PluginHandle, ShutdownMode, Supervisor,
    engine::{ContainerId, ContainerStatus, Engine as _, Observed},
};
use hap_tests::docker::{self, Fixture, Instance, ask};

use crate::{DEADLINE, address, probe, until};

async fn supervisor(instance: &Instance, state: &Path) -> Supervisor {
    let builder = Supervisor::builder(instance.engine().clone(), state).instance(instance.name().clone());
    builder.restart_without_host(true).start().await.unwrap()
}

async fn running(instance: &Instance, supervisor: &Supervisor) -> (PluginHandle, ContainerId) {
    let image = docker::image(instance.engine(), Fixture::Faulty).await;
    let plugin = supervisor.install(probe("faulty", &image, "")).await.unwrap();
    plugin.start().await.unwrap();
    let container = plugin.state().container.unwrap();
    (plugin, container)
}

/// What the engine says once that is so.
async fn seen(instance: &Instance, container: &ContainerId, wanted: impl Fn(&Observed) -> bool) -> Observed {
    let looking = async {
        loop {
            let observed = instance.engine().inspect(container).await.unwrap();
            if wanted(&observed) {
                return observed;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, looking).await.unwrap()
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn what_ends_while_no_host_lives_is_started_by_the_engine_and_adopted_by_the_next_host() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let first = supervisor(&instance, state.path()).await;
    let (plugin, container) = running(&instance, &first).await;
    let address = address(&instance, &plugin).await;
    let before = instance.engine().inspect(&container).await.unwrap();
    first.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop((first, plugin));
    // Its connection breaks with it.
    let _ = ask(address, "/do?exit:1").await;
    let after = seen(&instance, &container, |now| {
        now.status == ContainerStatus::Running && now.started_at != before.started_at
    })
    .await;
    assert!(after.restarted_by_engine);

    let second = supervisor(&instance, state.path()).await;
    let plugin = second.plugin(&before.plugin).unwrap();
    let adopted = until(&plugin, |state| state.phase == Phase::Healthy).await;
    assert_eq!(
        (adopted.container, adopted.restarts),
        (Some(container.clone()), 0)
    );
    let now = instance.engine().inspect(&container).await.unwrap();
    assert_eq!(now.started_at, after.started_at);
    // Stopped on purpose, it stays down.
    second.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    let down = instance.engine().inspect(&container).await.unwrap();
    assert_eq!(down.status, ContainerStatus::Exited);
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn while_the_host_lives_restarts_are_its_own() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let supervisor = supervisor(&instance, state.path()).await;
    let (plugin, container) = running(&instance, &supervisor).await;
    let _ = ask(address(&instance, &plugin).await, "/do?exit:3").await;
    let again = until(&plugin, |state| {
        state.phase == Phase::Healthy && state.last_failure.is_some()
    })
    .await;
    assert_eq!((again.restarts, again.container), (1, Some(container.clone())));

    // The engine would start it again and again. Its configuration is wrong, so the host does not let it.
    // On a busy machine the engine may be first, and then nobody knows with which code it ended.
    let mut seen_restarts = again.restarts;
    let held = loop {
        let _ = ask(address(&instance, &plugin).await, "/do?exit:78").await;
        let next = until(&plugin, |state| {
            state.phase == Phase::Failed || (state.phase == Phase::Healthy && state.restarts > seen_restarts)
        })
        .await;
        if next.phase == Phase::Failed {
            break next;
        }
        seen_restarts = next.restarts;
    };
    assert_eq!(held.last_exit.unwrap().code, 78);
    let down = seen(&instance, &container, |now| now.status == ContainerStatus::Exited).await;
    // Well beyond the engine's own pause of a tenth of a second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let still = instance.engine().inspect(&container).await.unwrap();
    assert_eq!((still.status, still.started_at), (down.status, down.started_at));
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}
