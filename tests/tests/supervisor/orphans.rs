use std::{path::Path, time::Duration};

use hap_host::{
    Error, ErrorKind, Orphan, OrphanDisposition, OrphanReason, PluginSource, ShutdownMode, Supervisor,
    engine::{
        ContainerSpec, Engine as _, EngineErrorKind, FakeEngine, FakeOperation, InstanceName, ResourceKind,
        ResourceLimits,
    },
};
use tempfile::TempDir;

use crate::{count, manifest, manifest_with, supervisor};

const MINUTE: Duration = Duration::from_secs(60);

/// A running container of a plugin that a supervisor over `state` made, whose folder was then restored
/// from an older copy.
async fn stray(engine: &FakeEngine, state: &Path, plugin: &str) {
    let first = supervisor(engine, state).await;
    first.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    let newer = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(state).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), newer.path().join(entry.file_name())).unwrap();
        }
    }
    let second = supervisor(engine, newer.path()).await;
    let lost = second.install(manifest(plugin)).await.unwrap();
    lost.start().await.unwrap();
    second.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
}

/// A container that somebody made from an image with a supervisor's labels.
async fn look_alike(engine: &FakeEngine, instance: &InstanceName, plugin: &str) {
    let limits = ResourceLimits::new(64 << 20, 1_000_000_000, 64);
    let (name, id) = (format!("hap.{instance}.{plugin}"), plugin.parse().unwrap());
    let spec = ContainerSpec::new(name, id, instance.clone(), "image:1".to_owned(), limits, 8000);
    let id = engine.create(&spec).await.unwrap();
    engine.start(&id).await.unwrap();
}

fn names(engine: &FakeEngine) -> Vec<String> {
    let containers = engine.containers();
    let mut names: Vec<_> = containers.iter().map(|one| one.plugin.to_string()).collect();
    names.sort();
    names
}

async fn folder_with_a_plugin(id: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    let manifest = manifest_with(id, "").to_json();
    std::fs::write(folder.path().join("manifest.json"), manifest).unwrap();
    folder
}

async fn orphans(supervisor: &Supervisor) -> Result<Vec<(ResourceKind, String, OrphanDisposition)>, Error> {
    let told = |orphan: Orphan| (orphan.kind, orphan.name, orphan.disposition);
    let orphans = supervisor.orphans().await?;
    Ok(orphans.into_iter().map(told).collect())
}

#[tokio::test(start_paused = true)]
async fn a_container_of_nobody_is_told_of_at_once_and_swept_after_its_time() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let ours = InstanceName::default();
    let others = InstanceName::new("others").unwrap();
    stray(&engine, state.path(), "lost").await;
    look_alike(&engine, &ours, "labelled").await;
    look_alike(&engine, &others, "theirs").await;
    engine.add_foreign("hap.default.look-alike");
    // It was there long before this host.
    tokio::time::sleep(60 * MINUTE).await;
    let supervisor = supervisor(&engine, state.path()).await;
    supervisor
        .install(manifest("light"))
        .await
        .unwrap()
        .start()
        .await
        .unwrap();

    let [orphan] = &supervisor.orphans().await.unwrap()[..] else {
        panic!("one orphan");
    };
    assert_eq!(
        orphan.to_string(),
        "container hap.default.lost: plugin lost is not installed"
    );
    assert_eq!(
        (orphan.reason, orphan.disposition),
        (OrphanReason::NotInstalled, OrphanDisposition::Due)
    );
    assert!(orphan.age.unwrap() >= 60 * MINUTE);
    tokio::time::sleep(4 * MINUTE).await;
    assert_eq!(names(&engine), ["labelled", "light", "lost", "theirs"]);
    tokio::time::sleep(3 * MINUTE).await;
    assert_eq!(names(&engine), ["labelled", "light", "theirs"]);
    assert_eq!(engine.foreign(), ["hap.default.look-alike"]);
    assert_eq!(supervisor.orphans().await.unwrap(), []);
    assert_eq!(count(&engine, FakeOperation::RemoveResource), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_swept_by_itself_where_the_embedder_says_never() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    stray(&engine, state.path(), "lost").await;
    let builder = crate::builder(&engine, state.path()).sweep_orphans_after(None);
    let supervisor = builder.start().await.unwrap();
    tokio::time::sleep(600 * MINUTE).await;
    assert_eq!(names(&engine), ["lost"]);
    let sweep = supervisor.sweep_orphans(700 * MINUTE).await.unwrap();
    assert!(sweep.removed.is_empty());
    let sweep = supervisor.sweep_orphans(500 * MINUTE).await.unwrap();
    assert_eq!((sweep.removed.len(), sweep.failed.len()), (1, 0));
    assert!(names(&engine).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_installed_in_time_is_not_swept() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    stray(&engine, state.path(), "late").await;
    let supervisor = supervisor(&engine, state.path()).await;
    tokio::time::sleep(4 * MINUTE).await;
    let late = supervisor.install(manifest("late")).await.unwrap();
    tokio::time::sleep(30 * MINUTE).await;
    late.start().await.unwrap();
    assert_eq!(names(&engine), ["late"]);
    assert_eq!(count(&engine, FakeOperation::RemoveResource), 0);
}

#[tokio::test(start_paused = true)]
async fn a_network_in_use_stays_until_it_is_free_and_a_failing_engine_is_asked_again() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let ours = InstanceName::default();
    engine.add_leftover_network(&ours, "hap-default-isolated-twin", false);
    engine.add_leftover_network(&ours, "hap-default-busy", true);
    engine.add_leftover_network(&InstanceName::new("others").unwrap(), "hap-others-twin", false);
    let supervisor = supervisor(&engine, state.path()).await;
    engine.fail_next(FakeOperation::RemoveResource, EngineErrorKind::Failed);
    let sweep = supervisor.sweep_orphans(Duration::ZERO).await.unwrap();
    assert_eq!((sweep.removed.len(), sweep.failed.len()), (0, 1));
    assert_eq!(sweep.failed[0].1.kind(), ErrorKind::Engine);
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!(engine.kept(), ["hap-default-busy", "hap-others-twin"]);
    let busy = (
        ResourceKind::Network,
        "hap-default-busy".to_owned(),
        OrphanDisposition::InUse,
    );
    assert_eq!(orphans(&supervisor).await.unwrap(), [busy]);
}

#[tokio::test(start_paused = true)]
async fn images_and_data_are_told_of_and_go_by_their_own_calls_only() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    for id in ["stays", "goes"] {
        let text = manifest_with(id, r#","volumes":["/data"]"#).to_json();
        let text = text.replace("plugin:1", &format!("{id}:1"));
        let folder = folder_with_a_plugin(id).await;
        std::fs::write(folder.path().join("manifest.json"), text).unwrap();
        let plugin = supervisor
            .install(PluginSource::folder(folder.path()))
            .await
            .unwrap();
        plugin.start().await.unwrap();
    }
    let goes = supervisor.plugin(&"goes".parse().unwrap()).unwrap();
    assert_eq!(supervisor.orphans().await.unwrap(), []);
    goes.uninstall().await.unwrap();
    let volume = engine.volumes()[0].clone();
    assert!(volume.contains("goes"), "{volume}");
    let left = [
        (ResourceKind::Volume, volume, OrphanDisposition::Data),
        (
            ResourceKind::Image,
            "hap/default/goes:1.0.0".to_owned(),
            OrphanDisposition::Image,
        ),
    ];
    assert_eq!(orphans(&supervisor).await.unwrap(), left);
    tokio::time::sleep(60 * MINUTE).await;
    assert!(
        supervisor
            .sweep_orphans(Duration::ZERO)
            .await
            .unwrap()
            .removed
            .is_empty()
    );
    assert_eq!(orphans(&supervisor).await.unwrap(), left);

    let pruned = supervisor.prune_images().await.unwrap();
    assert_eq!(pruned.removed.len(), 1);
    assert_eq!(Some(pruned.freed_bytes), pruned.removed[0].bytes);
    assert_eq!(engine.kept(), ["sha256:hap/default/stays:1.0.0"]);
    assert_eq!(engine.volumes().len(), 2);
    let stays = "stays".parse().unwrap();
    let refused = supervisor.remove_orphaned_data(&stays).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyInstalled);
    supervisor.remove_orphaned_data(goes.id()).await.unwrap();
    assert_eq!(orphans(&supervisor).await.unwrap(), []);
    assert_eq!(engine.volumes().len(), 1);
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}
