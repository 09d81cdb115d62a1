use std::{collections::HashMap, path::Path, time::Duration};

use bollard::{
    Docker,
    auth::DockerCredentials,
    models::{ContainerCreateBody, NetworkCreateRequest},
    query_parameters::{
        CreateContainerOptionsBuilder, InspectContainerOptions, InspectNetworkOptions,
        RemoveImageOptionsBuilder,
    },
};
use hap_host::{
    Orphan, OrphanDisposition, OrphanReason, PluginSource, ShutdownMode, Supervisor,
    engine::{BuildContext, ContainerId, Engine as _, ProgressSink, ResourceKind, labels},
};
use hap_manifest::ImageRef;
use hap_tests::docker::{Instance, OWNER, probe_image};

use crate::{DEADLINE, probe};

fn bystander(instance: &Instance) -> Docker {
    Docker::connect_with_host(instance.engine().uri()).unwrap()
}

type Labels = HashMap<String, String>;

fn labelled(pairs: &[(&str, &str)]) -> Labels {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

/// Makes a container by hand.
async fn by_hand(docker: &Docker, name: &str, image: &ImageRef, labels: Labels) -> String {
    let options = CreateContainerOptionsBuilder::default().name(name).build();
    let body = ContainerCreateBody {
        image: Some(image.to_string()),
        labels: Some(labels),
        ..Default::default()
    };
    docker.create_container(Some(options), body).await.unwrap().id
}

async fn network_by_hand(docker: &Docker, name: &str, labels: Labels) {
    let request = NetworkCreateRequest {
        name: name.to_owned(),
        internal: Some(true),
        labels: Some(labels),
        ..Default::default()
    };
    docker.create_network(request).await.unwrap();
}

/// A running container of a plugin that a supervisor over `state` made, whose folder was then restored
/// from an older copy; its name and that of its volume with it.
async fn lost(instance: &Instance, state: &Path, image: &ImageRef) -> (String, String, String) {
    let first = crate::supervisor(instance, state).await;
    first.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    let newer = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(state).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), newer.path().join(entry.file_name())).unwrap();
        }
    }
    let second = crate::supervisor(instance, newer.path()).await;
    let plugin = second
        .install(probe("lost", image, r#","volumes":["/data"]"#))
        .await
        .unwrap();
    plugin.start().await.unwrap();
    let id = plugin.state().container.unwrap().as_str().to_owned();
    second.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    let found = bystander(instance)
        .inspect_container(&id, None::<InspectContainerOptions>)
        .await
        .unwrap();
    let name = found.name.unwrap().trim_start_matches('/').to_owned();
    let volume = found.mounts.unwrap().pop().unwrap().name.unwrap();
    (id, name, volume)
}

fn told(orphans: &[Orphan]) -> Vec<(ResourceKind, &str, OrphanReason, OrphanDisposition)> {
    let mut told: Vec<_> = orphans
        .iter()
        .map(|orphan| {
            (
                orphan.kind,
                orphan.name.as_str(),
                orphan.reason,
                orphan.disposition,
            )
        })
        .collect();
    told.sort_by_key(|told| (told.0, told.1));
    told
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn what_we_left_is_swept_and_what_only_looks_like_it_is_not() {
    let (Some(ours), Some(others)) = (Instance::new().await, Instance::new().await) else {
        return;
    };
    let (docker, image) = (bystander(&ours), probe_image().await);
    let (our_name, other_name) = (ours.name().as_str(), others.name().as_str());
    let state = tempfile::tempdir().unwrap();
    let (_, container, volume) = lost(&ours, state.path(), &image).await;

    let owner = [(OWNER, our_name)];
    let foreign = [
        // Every label of ours, and another instance's name.
        by_hand(
            &docker,
            &format!("hap.{other_name}.lost"),
            &image,
            labelled(&[
                (labels::SCHEMA, "1"),
                (labels::INSTANCE, other_name),
                (labels::PLUGIN_ID, "lost"),
            ]),
        )
        .await,
        // A name like ours, and no label.
        by_hand(
            &docker,
            &format!("hap.{our_name}.other"),
            &image,
            labelled(&owner),
        )
        .await,
        // Every label of ours, and no seal.
        by_hand(
            &docker,
            &format!("hap.{our_name}.labelled"),
            &image,
            labelled(&[
                (labels::SCHEMA, "1"),
                (labels::INSTANCE, our_name),
                (labels::PLUGIN_ID, "labelled"),
            ]),
        )
        .await,
        // The instance's label alone.
        by_hand(
            &docker,
            &format!("copied-{our_name}"),
            &image,
            labelled(&[(labels::INSTANCE, our_name)]),
        )
        .await,
    ];
    let ours_by_label = labelled(&[(labels::SCHEMA, "1"), (labels::INSTANCE, our_name)]);
    let left = format!("hap-{our_name}-left");
    network_by_hand(&docker, &left, ours_by_label).await;
    let foreign_network = format!("hap-{our_name}-isolated-2");
    network_by_hand(&docker, &foreign_network, labelled(&owner)).await;

    let supervisor = Supervisor::builder(ours.engine().clone(), state.path())
        .instance(ours.name().clone())
        .sweep_orphans_after(None)
        .start()
        .await
        .unwrap();
    let plugin = supervisor.install(probe("kept", &image, "")).await.unwrap();
    plugin.start().await.unwrap();

    let orphans = supervisor.orphans().await.unwrap();
    let gone = OrphanReason::NotInstalled;
    assert_eq!(
        told(&orphans),
        [
            (
                ResourceKind::Container,
                container.as_str(),
                gone,
                OrphanDisposition::Young
            ),
            (
                ResourceKind::Network,
                left.as_str(),
                OrphanReason::NotNeeded,
                OrphanDisposition::Young
            ),
            (
                ResourceKind::Volume,
                volume.as_str(),
                gone,
                OrphanDisposition::Data
            ),
        ]
    );
    assert!(
        orphans
            .iter()
            .all(|orphan| orphan.age.is_some_and(|age| age < DEADLINE))
    );
    let sweep = supervisor.sweep_orphans(Duration::from_secs(3600)).await.unwrap();
    assert!(sweep.removed.is_empty() && sweep.failed.is_empty(), "{sweep:?}");
    let sweep = supervisor.sweep_orphans(Duration::ZERO).await.unwrap();
    assert!(sweep.failed.is_empty(), "{sweep:?}");
    assert_eq!(sweep.removed.len(), 2);

    let left_over = supervisor.orphans().await.unwrap();
    assert_eq!(
        told(&left_over),
        [(
            ResourceKind::Volume,
            volume.as_str(),
            gone,
            OrphanDisposition::Data
        )]
    );
    for id in foreign.iter().map(String::as_str) {
        docker
            .inspect_container(id, None::<InspectContainerOptions>)
            .await
            .unwrap();
    }
    docker
        .inspect_network(&foreign_network, None::<InspectNetworkOptions>)
        .await
        .unwrap();
    docker.inspect_volume(&volume).await.unwrap();
    assert_eq!(plugin.state().restarts, 0);
    assert!(plugin.state().phase.is_reachable());

    supervisor
        .remove_orphaned_data(&"lost".parse().unwrap())
        .await
        .unwrap();
    docker.inspect_volume(&volume).await.unwrap_err();
    assert_eq!(supervisor.orphans().await.unwrap(), []);
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_leftover_goes_by_itself_when_it_is_old_enough() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let image = probe_image().await;
    let engine = instance.engine();
    let state = tempfile::tempdir().unwrap();
    let (lost, _, _) = lost(&instance, state.path(), &image).await;
    let lost = ContainerId::new(lost);
    let supervisor = Supervisor::builder(engine.clone(), state.path())
        .instance(instance.name().clone())
        .sweep_orphans_after(Some(Duration::from_secs(2)))
        .start()
        .await
        .unwrap();
    let plugin = supervisor.install(probe("kept", &image, "")).await.unwrap();
    plugin.start().await.unwrap();
    let swept = async {
        while engine.inspect(&lost).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(DEADLINE, swept).await.unwrap();
    assert_eq!(engine.list(instance.name()).await.unwrap().len(), 1);
    assert_eq!(plugin.state().restarts, 0);
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

/// Writes a plugin that is never started, whose image is one file of so many bytes.
fn write_plugin(folder: &Path, tag: &str, bytes: usize) {
    std::fs::write(folder.join("Dockerfile"), "FROM scratch\nCOPY content /content\n").unwrap();
    std::fs::write(folder.join("content"), vec![7; bytes]).unwrap();
    let manifest = probe("built", &tag.parse().unwrap(), "").to_json();
    std::fs::write(folder.join("manifest.json"), manifest).unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn images_that_were_built_go_when_nobody_needs_them_and_those_of_others_stay() {
    const EARLIER: usize = 3_000_000;
    const LATER: usize = 2_000_000;
    let Some(instance) = Instance::new().await else {
        return;
    };
    let (docker, engine) = (bystander(&instance), instance.engine());
    let (state, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let supervisor = crate::supervisor(&instance, state.path()).await;
    let tag = format!("hap/{}/built:1.0.0", instance.name());
    write_plugin(folder.path(), &tag, EARLIER);
    let built = supervisor
        .install(PluginSource::folder(folder.path()))
        .await
        .unwrap();
    assert_eq!(supervisor.orphans().await.unwrap(), []);
    built.uninstall().await.unwrap();
    write_plugin(folder.path(), &tag, LATER);
    let built = supervisor
        .install(PluginSource::folder(folder.path()))
        .await
        .unwrap();

    // Somebody goes on from our image, and inherits our labels.
    let theirs: ImageRef = format!("hap-tests-theirs-{}:1", instance.name()).parse().unwrap();
    let on_top = format!("FROM {tag}\nCOPY content /more\n");
    std::fs::write(folder.path().join("Dockerfile"), on_top).unwrap();
    let context = BuildContext::new(folder.path(), "Dockerfile");
    engine
        .build(&context, &theirs, ProgressSink::none())
        .await
        .unwrap();

    let orphans = supervisor.orphans().await.unwrap();
    let [earlier] = &orphans[..] else {
        panic!("one image: {orphans:?}");
    };
    assert_eq!(
        (earlier.kind, earlier.reason, earlier.disposition),
        (
            ResourceKind::Image,
            OrphanReason::OtherImage,
            OrphanDisposition::Image
        )
    );
    // An engine that keeps images in containerd counts their descriptions too.
    let size = EARLIER as u64..EARLIER as u64 + (64 << 10);
    assert!(
        earlier.bytes.is_some_and(|bytes| size.contains(&bytes)),
        "{earlier:?}"
    );
    let sweep = supervisor.sweep_orphans(Duration::ZERO).await.unwrap();
    assert!(sweep.removed.is_empty());
    let pruned = supervisor.prune_images().await.unwrap();
    assert!(pruned.failed.is_empty(), "{pruned:?}");
    assert_eq!(pruned.removed.len(), 1);
    assert!(size.contains(&pruned.freed_bytes), "{pruned:?}");
    assert!(docker.inspect_image(&earlier.id).await.is_err());
    engine.image(&tag.parse().unwrap()).await.unwrap();

    built.uninstall().await.unwrap();
    // Theirs is made from it.
    let pruned = supervisor.prune_images().await.unwrap();
    assert_eq!((pruned.removed.len(), pruned.failed.len()), (0, 1), "{pruned:?}");
    engine.image(&theirs).await.unwrap();
    let options = RemoveImageOptionsBuilder::default().build();
    docker
        .remove_image(theirs.as_str(), Some(options), None::<DockerCredentials>)
        .await
        .unwrap();
    let pruned = supervisor.prune_images().await.unwrap();
    assert_eq!((pruned.removed.len(), pruned.freed_bytes), (1, LATER as u64));
    assert_eq!(supervisor.orphans().await.unwrap(), []);
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}
