//! What somebody changes by hand while nobody looks.

use std::{path::Path, time::Duration};

use bollard::{
    Docker,
    models::{ContainerUpdateBody, RestartPolicy, RestartPolicyNameEnum},
};
use hap_host::{
    EventKind, EventStream, Phase, PluginHandle, PluginState, ShutdownMode, StreamItem, Supervisor,
    engine::{Engine as _, EngineRestarts, FakeEngine, FakeOperation},
};
use hap_manifest::{Manifest, PluginId};
use hap_tests::docker::{Fixture, Instance, image};

const DEADLINE: Duration = Duration::from_secs(60);

async fn until(plugin: &PluginHandle, wanted: impl FnMut(&PluginState) -> bool) -> PluginState {
    let state = tokio::time::timeout(DEADLINE, plugin.wait_for(wanted)).await;
    state.unwrap().unwrap()
}

async fn host(engine: &FakeEngine, state: &Path) -> Supervisor {
    Supervisor::builder(engine.clone(), state).start().await.unwrap()
}

fn keeper() -> Manifest {
    let keeper = Manifest::builder("keeper", "Keeper", "1.0.0", "keeper:1").volume("/data");
    keeper.build().unwrap()
}

/// What `docker system prune -a --volumes` takes of a plugin that is stopped.
fn prune(engine: &FakeEngine, plugin: &PluginId) -> Vec<String> {
    let volumes = engine.volumes();
    engine.remove_externally(plugin);
    for volume in &volumes {
        engine.remove_volume_externally(volume);
    }
    volumes
}

async fn data_lost(events: &mut EventStream) -> Vec<String> {
    let lost = async {
        loop {
            if let StreamItem::Event(event) = events.next().await.unwrap()
                && let EventKind::DataLost { volumes } = event.kind
            {
                return volumes;
            }
        }
    };
    tokio::time::timeout(DEADLINE, lost).await.unwrap()
}

/// moby#31757, #40693: the next start was healthy, with an empty volume, and nobody was told.
#[tokio::test]
async fn a07_data_that_was_there_and_is_gone_is_told_and_stays_in_the_state_until_somebody_sees_to_it() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let first = host(&engine, state.path()).await;
    let plugin = first.install(keeper()).await.unwrap();
    let id = plugin.id().clone();
    let mut events = first.events();
    plugin.start().await.unwrap();
    assert_eq!(plugin.state().data_loss, None, "new volumes are no loss");
    plugin.stop().await.unwrap();
    first.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    while let Some(item) = events.next().await {
        let StreamItem::Event(event) = item else { continue };
        assert!(!matches!(event.kind, EventKind::DataLost { .. }));
    }

    let second = host(&engine, state.path()).await;
    let plugin = second.plugin(&id).unwrap();
    let mut events = second.events();
    let gone = prune(&engine, &id);
    assert_eq!(gone.len(), 1);
    plugin.start().await.unwrap();
    assert_eq!(data_lost(&mut events).await, gone);
    let seen = until(&plugin, |state| state.data_loss.is_some()).await;
    assert_eq!(
        (seen.data_loss.unwrap().volumes, seen.phase),
        (gone.clone(), Phase::Healthy)
    );
    let problem = plugin.state().problem().unwrap();
    assert!(problem.contains(&gone[0]), "{problem}");
    // A restart is nobody who put the data back, and tells nothing twice.
    plugin.restart().await.unwrap();
    second.shutdown(ShutdownMode::LeaveRunning).await.unwrap();

    let third = host(&engine, state.path()).await;
    let plugin = third.plugin(&id).unwrap();
    let seen = until(&plugin, |state| state.phase == Phase::Healthy).await;
    assert_eq!(seen.data_loss.unwrap().volumes, gone, "it is on the disk");
    plugin.stop().await.unwrap();
    let seen = until(&plugin, |state| state.phase == Phase::Stopped).await;
    assert_eq!((seen.data_loss, plugin.state().problem()), (None, None));
    plugin.start().await.unwrap();
    assert_eq!(plugin.state().data_loss, None);
}

/// Data that was removed on purpose is not missed.
#[tokio::test]
async fn a07_data_that_went_with_its_plugin_is_not_missed() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let host = host(&engine, state.path()).await;
    for with_data in [true, false] {
        let plugin = host.install(keeper()).await.unwrap();
        plugin.start().await.unwrap();
        assert_eq!(plugin.state().data_loss, None);
        plugin.uninstall().remove_data(with_data).await.unwrap();
    }
    let id = PluginId::new("keeper").unwrap();
    host.remove_orphaned_data(&id).await.unwrap();
    let plugin = host.install(keeper()).await.unwrap();
    plugin.start().await.unwrap();
    assert_eq!(plugin.state().data_loss, None);
}

/// The engine would start the plugin by itself, beside its host and after it.
#[tokio::test]
async fn a16_when_the_engine_starts_a_plugin_again_is_put_back_as_limits_are() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let host = host(&engine, state.path()).await;
    let plugin = host.install(keeper()).await.unwrap();
    plugin.start().await.unwrap();
    let by_hand = async || {
        let container = engine.containers().pop().unwrap();
        assert_eq!(container.restarts, Some(EngineRestarts::Never));
        let limits = engine.spec(plugin.id()).unwrap().limits;
        engine.set_limits(&container.id, &limits, true).await.unwrap();
        // Such as the engine's event of the change has it looked at again.
        engine.break_event_stream();
        let put_back = async {
            while engine.containers().pop().unwrap().restarts != Some(EngineRestarts::Never) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(DEADLINE, put_back).await.unwrap();
        assert_eq!(engine.containers().pop().unwrap().id, container.id);
    };
    by_hand().await;
    assert_eq!(
        (plugin.state().phase, plugin.state().restarts),
        (Phase::Healthy, 0)
    );
    plugin.stop().await.unwrap();
    by_hand().await;
    let starts = engine
        .calls()
        .iter()
        .filter(|call| call.operation == FakeOperation::Start)
        .count();
    assert_eq!(starts, 1);
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a16_a_restart_policy_by_hand_is_put_back_on_an_engine() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let image = image(instance.engine(), Fixture::Faulty).await;
    let state = tempfile::tempdir().unwrap();
    let host = Supervisor::builder(instance.engine().clone(), state.path());
    let host = host.instance(instance.name().clone()).start().await.unwrap();
    let manifest = Manifest::builder("hand", "Hand", "1.0.0", image.as_str());
    let plugin = host.install(manifest.build().unwrap()).await.unwrap();
    plugin.start().await.unwrap();
    let container = plugin.state().container.unwrap();
    let docker = Docker::connect_with_host(instance.engine().uri()).unwrap();
    let always = ContainerUpdateBody {
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::ALWAYS),
            maximum_retry_count: None,
        }),
        ..Default::default()
    };
    docker.update_container(container.as_str(), always).await.unwrap();
    let put_back = async {
        loop {
            let seen = instance.engine().inspect(&container).await.unwrap();
            if seen.restarts == Some(EngineRestarts::Never) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let seen = tokio::time::timeout(DEADLINE, put_back).await.unwrap();
    assert!(!seen.restarted_by_engine);
    assert_eq!(
        (plugin.state().phase, plugin.state().restarts),
        (Phase::Healthy, 0)
    );
    host.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}
