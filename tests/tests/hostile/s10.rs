//! Snapshots carry what is there, within a bound, and are missed when somebody removes them.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, symlink},
    path::PathBuf,
    time::Duration,
};

use bollard::query_parameters::RemoveVolumeOptions;
use hap_host::{
    ErrorKind, EventKind, Phase, PluginHandle, Policy, ProbationPolicy, ShutdownMode, StreamItem, Supervisor,
    engine::{DockerEngine, Engine as _, EngineErrorKind, VolumeCopy},
};
use hap_manifest::{ImageRef, Manifest};
use hap_tests::docker::{Fixture, Instance, image};

const HOLE: u64 = 2 << 30;
const LINK: &str = "../../../../etc";

fn version(image: &ImageRef, version: &str) -> Manifest {
    let text = format!(
        r#"{{"id":"keeper","name":"Keeper","version":"{version}","description":"d","author":"a","image":"{image}",
            "api_port":8000,"network_access":false,"volumes":["/data"]}}"#
    );
    Manifest::from_json(&text).unwrap().manifest
}

async fn host(instance: &Instance, state: &std::path::Path) -> Supervisor {
    Supervisor::builder(instance.engine().clone(), state)
        .instance(instance.name().clone())
        .policy(Policy::default())
        .probation_policy(ProbationPolicy::default().healthy_for(Duration::from_secs(1)))
        .start()
        .await
        .unwrap()
}

/// Where the engine keeps the volumes of the instance; those of snapshots, or the others.
async fn folders(instance: &Instance, snapshots: bool) -> Vec<(String, PathBuf)> {
    let docker = crate::docker(instance);
    let options = None::<bollard::query_parameters::ListVolumesOptions>;
    let all = docker
        .list_volumes(options)
        .await
        .unwrap()
        .volumes
        .unwrap_or_default();
    let of = format!("hap.{}.keeper", instance.name());
    all.into_iter()
        .filter(|one| one.name.starts_with(&of) && one.name.contains(".snapshot-") == snapshots)
        .map(|one| (one.name, one.mountpoint.into()))
        .collect()
}

async fn running(supervisor: &Supervisor, image: &ImageRef) -> PluginHandle {
    let keeper = supervisor.install(version(image, "1.0.0")).await.unwrap();
    keeper.start().await.unwrap();
    keeper
}

#[tokio::test]
#[ignore = "needs a Docker engine and root"]
async fn s10_a_link_that_leads_out_and_a_file_of_holes_come_along_as_what_they_are() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let image = image(instance.engine(), Fixture::Probe).await;
    let supervisor = host(&instance, state.path()).await;
    let keeper = running(&supervisor, &image).await;
    let (_, data) = folders(&instance, false).await.remove(0);
    symlink(LINK, data.join("out")).unwrap();
    let file = fs::File::create(data.join("sparse")).unwrap();
    file.set_len(HOLE).unwrap();
    drop(file);

    // The bound is on what there is, so holes are not refused.
    keeper
        .update(version(&image, "2.0.0"))
        .max_snapshot_bytes(64 << 20)
        .await
        .unwrap();
    let (_, copy) = folders(&instance, true).await.remove(0);
    assert_eq!(fs::read_link(copy.join("out")).unwrap(), PathBuf::from(LINK));
    let sparse = fs::metadata(copy.join("sparse")).unwrap();
    assert_eq!(sparse.len(), HOLE);
    assert!(sparse.blocks() * 512 < 1 << 20, "{} blocks", sparse.blocks());
    // And back again.
    fs::remove_file(data.join("out")).unwrap();
    keeper.roll_back().restore_data(true).await.unwrap();
    let (_, data) = folders(&instance, false).await.remove(0);
    assert_eq!(fs::read_link(data.join("out")).unwrap(), PathBuf::from(LINK));
    assert!(fs::metadata(data.join("sparse")).unwrap().blocks() * 512 < 1 << 20);
    keeper.uninstall().remove_data(true).await.unwrap();
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine and root"]
async fn s10_a_copy_by_the_engine_carries_links_that_lead_out_and_ends_at_its_bound() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let image = image(instance.engine(), Fixture::Probe).await;
    let supervisor = host(&instance, state.path()).await;
    let keeper = running(&supervisor, &image).await;
    let (name, data) = folders(&instance, false).await.remove(0);
    symlink(LINK, data.join("out")).unwrap();
    fs::write(data.join("file"), vec![1; 4 << 20]).unwrap();

    let engine = DockerEngine::connect_to(&instance.far_away().await)
        .await
        .unwrap();
    let copy = |most: u64| {
        let volumes = vec![(name.clone(), format!("{name}.snapshot-9"))];
        VolumeCopy::new(
            instance.name().clone(),
            keeper.id().clone(),
            image.to_string(),
            volumes,
        )
        .max_bytes(Some(most))
    };
    let error = engine.copy_volumes(&copy(1 << 20)).await.unwrap_err();
    assert_eq!(error.kind(), EngineErrorKind::Rejected, "{error}");
    assert!(error.to_string().contains("1048576 bytes"), "{error}");
    engine.copy_volumes(&copy(8 << 20)).await.unwrap();
    let (_, made) = folders(&instance, true).await.remove(0);
    assert_eq!(fs::read_link(made.join("out")).unwrap(), PathBuf::from(LINK));
    assert_eq!(fs::metadata(made.join("file")).unwrap().len(), 4 << 20);
    // The host's own copying ends at the same bound.
    let error = instance.engine().copy_volumes(&copy(1 << 20)).await.unwrap_err();
    assert_eq!(error.kind(), EngineErrorKind::Rejected, "{error}");
    keeper.uninstall().remove_data(true).await.unwrap();
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine and root"]
async fn s10_data_beyond_the_bound_is_refused_while_the_plugin_runs_with_the_ways_out() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let image = image(instance.engine(), Fixture::Probe).await;
    let supervisor = host(&instance, state.path()).await;
    let keeper = running(&supervisor, &image).await;
    let before = keeper.state().container;
    let (_, data) = folders(&instance, false).await.remove(0);
    fs::write(data.join("file"), vec![1; 4 << 20]).unwrap();
    let error = keeper
        .update(version(&image, "2.0.0"))
        .max_snapshot_bytes(1 << 20)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    for part in ["the bound is 1048576", "would take 4", "without a snapshot"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    let state = keeper.state();
    assert_eq!((state.phase, state.container), (Phase::Healthy, before));
    assert!(folders(&instance, true).await.is_empty());
    keeper
        .update(version(&image, "2.0.0"))
        .snapshot(false)
        .await
        .unwrap();
    keeper.uninstall().remove_data(true).await.unwrap();
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s10_a_snapshot_that_is_pruned_while_the_plugin_runs_is_told_of() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let image = image(instance.engine(), Fixture::Probe).await;
    let supervisor = host(&instance, state.path()).await;
    let keeper = running(&supervisor, &image).await;
    keeper.update(version(&image, "2.0.0")).await.unwrap();
    assert_eq!(keeper.previous_snapshot(), Some(true));
    let mut events = supervisor.events();
    let (name, _) = folders(&instance, true).await.remove(0);
    // As `docker volume prune` does to whatever no container has.
    let docker = crate::docker(&instance);
    let removed = docker.remove_volume(&name, None::<RemoveVolumeOptions>);
    removed.await.unwrap();
    let told = async {
        loop {
            if let Some(StreamItem::Event(event)) = events.next().await
                && let EventKind::SnapshotLost { version, volumes } = event.kind
            {
                return (version.to_string(), volumes);
            }
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(180), told)
        .await
        .unwrap();
    assert_eq!(told, ("1.0.0".to_owned(), vec![name]));
    let before = keeper.state().container;
    let error = keeper.roll_back().restore_data(true).await.unwrap_err();
    assert!(error.to_string().contains("docker volume prune"), "{error}");
    assert_eq!(
        (keeper.state().phase, keeper.state().container),
        (Phase::Healthy, before)
    );
    keeper.uninstall().remove_data(true).await.unwrap();
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}
