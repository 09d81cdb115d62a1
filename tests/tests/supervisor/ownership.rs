//! Whose a container is that carries a plugin's labels.

use std::time::Duration;

use hap_host::{
    EventKind, Phase, ShutdownMode, StreamItem, Supervisor,
    engine::{ContainerSpec, ContainerStatus, Engine as _, FakeEngine, InstanceName, ResourceLimits, labels},
};
use hap_manifest::PluginId;

use crate::{manifest, manifest_with, supervisor, until};

/// Past the next list of all containers.
const NEXT_LIST: Duration = Duration::from_secs(40);

fn running(engine: &FakeEngine, plugin: &PluginId) -> Vec<String> {
    let all = engine.containers().into_iter();
    let running = all.filter(|one| one.plugin == *plugin && one.status == ContainerStatus::Running);
    running.map(|one| one.name).collect()
}

fn seconds(supervisor: &Supervisor) -> Vec<(String, bool, bool)> {
    let all = supervisor.second_containers().into_iter();
    all.map(|one| (one.name, one.sealed, one.running)).collect()
}

/// A container that somebody starts from an image which carries all labels of a plugin's container.
async fn look_alike(engine: &FakeEngine, plugin: &PluginId, name: &str) {
    let limits = ResourceLimits::new(64 << 20, 1_000_000_000, 64);
    let instance = InstanceName::default();
    let mut spec = ContainerSpec::new(
        name.to_owned(),
        plugin.clone(),
        instance,
        "evil:1".to_owned(),
        limits,
        8000,
    );
    // A seal may be made up as well.
    spec.labels.insert(labels::SEAL.to_owned(), "00".repeat(32));
    let id = engine.create(&spec).await.unwrap();
    engine.start(&id).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_container_with_a_plugins_labels_and_name_is_neither_adopted_nor_touched() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    look_alike(&engine, light.id(), "hap.default.light").await;
    let error = light.start().await.unwrap_err();
    assert!(error.to_string().contains("rename or remove it"), "{error}");
    light.stop().await.unwrap();
    light.uninstall().await.unwrap();
    tokio::time::sleep(20 * NEXT_LIST).await;
    let id = PluginId::new("light").unwrap();
    assert_eq!(running(&engine, &id), ["hap.default.light"]);
    assert_eq!(supervisor.orphans().await.unwrap(), []);
    let told = [("hap.default.light".to_owned(), false, true)];
    assert_eq!(seconds(&supervisor), told);
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_told_of_once_is_not_taken_for_the_first_and_stops_with_it() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    light.start().await.unwrap();
    let own = light.state().container;
    let mut events = supervisor.events();
    let copy = engine.duplicate(light.id(), "light-copy").unwrap();
    tokio::time::sleep(3 * NEXT_LIST).await;
    assert_eq!(light.state().container, own);
    assert_eq!(light.state().phase, Phase::Healthy);
    assert_eq!(seconds(&supervisor), [("light-copy".to_owned(), true, true)]);

    light.stop().await.unwrap();
    assert_eq!(running(&engine, light.id()), Vec::<String>::new());
    // One that is started again while the plugin is stopped does not stay up either.
    engine.start(&copy).await.unwrap();
    tokio::time::sleep(NEXT_LIST).await;
    assert_eq!(running(&engine, light.id()), Vec::<String>::new());
    engine.start(&copy).await.unwrap();
    light.stop().await.unwrap();
    assert_eq!(running(&engine, light.id()), Vec::<String>::new());

    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    let mut told = 0;
    while let Some(item) = events.next().await {
        let StreamItem::Event(event) = item else { continue };
        if let EventKind::SecondContainer(second) = event.kind
            && second.running
        {
            assert_eq!((second.container, second.sealed), (copy.clone(), true));
            told += 1;
        }
    }
    // When it came up first, and each time that it came up again.
    assert!((1..=3).contains(&told), "{told}");
    assert!(engine.concurrent_operations().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_uninstallation_takes_the_copies_and_their_hold_on_the_data() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    for (id, with_data) in [("light", true), ("lock", false)] {
        let manifest = manifest_with(id, r#","volumes":["/data"]"#);
        let plugin = supervisor.install(manifest).await.unwrap();
        plugin.start().await.unwrap();
        engine.duplicate(plugin.id(), &format!("{id}-copy"));
        plugin.uninstall().remove_data(with_data).await.unwrap();
    }
    assert!(engine.containers().is_empty());
    assert_eq!(engine.volumes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_copy_does_not_run_beside_a_container_that_is_made_anew() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    light.start().await.unwrap();
    engine.duplicate(light.id(), "light-copy");
    tokio::time::sleep(NEXT_LIST).await;
    light.restart().await.unwrap();
    until(&light, |state| state.phase == Phase::Healthy).await;
    assert_eq!(running(&engine, light.id()), ["hap.default.light"]);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_lost_its_seal_is_not_adopted() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let first = supervisor(&engine, state.path()).await;
    let light = first.install(manifest("light")).await.unwrap();
    light.start().await.unwrap();
    first.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    let id = light.id().clone();
    engine.remove_seal(&id);
    let second = supervisor(&engine, state.path()).await;
    let light = second.plugin(&id).unwrap();
    until(&light, |state| state.failure.is_some()).await;
    assert_eq!(light.state().container, None);
    assert_eq!(seconds(&second), [("hap.default.light".to_owned(), false, true)]);
}
