use std::collections::HashMap;

use bollard::query_parameters::ListVolumesOptionsBuilder;
use hap_host::engine::{
    BuildContext, DockerEngine, Engine, EngineErrorKind, ProgressSink, VolumeCopy, VolumeMount, labels,
};
use hap_tests::docker::{Fixture, Instance, Proxy, Tree, ask, build_for, dress, probe_image, remove_image};

use super::{bystander, run};

async fn labelled(instance: &Instance) -> usize {
    let filters = HashMap::from([("label", vec![format!("{}={}", labels::INSTANCE, instance.name())])]);
    let options = ListVolumesOptionsBuilder::default().filters(&filters).build();
    bystander(instance)
        .list_volumes(Some(options))
        .await
        .unwrap()
        .volumes
        .unwrap_or_default()
        .len()
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_volume_outlives_its_container_and_goes_only_when_told() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    engine.prepare(instance.name()).await.unwrap();
    let image = probe_image().await;
    let mut spec = instance.spec("light", &image);
    let name = format!("hap-{}-light-data", instance.name());
    spec.volumes = vec![VolumeMount::new(name.clone(), "/data".to_owned())];
    let (id, address) = run(&instance, &spec).await;
    assert_eq!(ask(address, "/write?/data/x").await.unwrap(), "written");

    let error = engine
        .remove_volumes(instance.name(), &spec.plugin)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), EngineErrorKind::Conflict, "{error}");
    engine.remove(&id).await.unwrap();
    let (id, address) = run(&instance, &spec).await;
    assert_eq!(ask(address, "/read?/data/x").await.unwrap(), "written");
    engine.remove(&id).await.unwrap();

    let mut other = instance.spec("lock", &image);
    other.volumes = vec![VolumeMount::new(
        format!("hap-{}-lock-data", instance.name()),
        "/data".to_owned(),
    )];
    engine.create(&other).await.unwrap();
    assert_eq!(labelled(&instance).await, 2);
    engine
        .remove_volumes(instance.name(), &spec.plugin)
        .await
        .unwrap();
    engine
        .remove_volumes(instance.name(), &spec.plugin)
        .await
        .unwrap();
    assert_eq!(labelled(&instance).await, 1);

    // The volume of one plugin is foreign to another, even under one roof.
    let mut thief = instance.spec("thief", &image);
    thief.volumes = other.volumes;
    assert_eq!(
        engine.create(&thief).await.unwrap_err().kind(),
        EngineErrorKind::Conflict
    );
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn an_image_makes_no_volume_of_its_own() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    engine.prepare(instance.name()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let base = probe_image().await;
    std::fs::write(
        folder.path().join("Dockerfile"),
        format!("FROM {base}\nVOLUME /data\n"),
    )
    .unwrap();
    let tag = format!("hap-tests-volume:{}", instance.name()).parse().unwrap();
    engine
        .build(
            &BuildContext::new(folder.path(), "Dockerfile"),
            &tag,
            ProgressSink::none(),
        )
        .await
        .unwrap();
    let (id, address) = run(&instance, &instance.spec("light", &tag)).await;
    let mounts = ask(address, "/read?/proc/mounts").await.unwrap();
    let covered = mounts.lines().find(|line| line.contains(" /data "));
    assert!(covered.is_some_and(|line| line.starts_with("tmpfs ")), "{mounts}");
    let docker = bystander(&instance);
    let found = docker.inspect_container(id.as_str(), None).await.unwrap();
    let names: Vec<_> = found
        .mounts
        .unwrap()
        .into_iter()
        .filter_map(|mount| mount.name)
        .collect();
    for name in &names {
        let volume = docker.inspect_volume(name).await.unwrap();
        assert_eq!(volume.options["type"], "tmpfs", "it is memory: {volume:?}");
    }
    engine.remove(&id).await.unwrap();
    for name in &names {
        docker.inspect_volume(name).await.unwrap_err();
    }
    remove_image(&instance, &tag).await;
}

#[tokio::test]
#[ignore = "needs a Docker engine and root"]
async fn a_copy_of_a_volume_is_what_it_is_a_copy_of_as_far_as_its_way_goes() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    instance.engine().prepare(instance.name()).await.unwrap();
    let image = format!("hap-tests-copied:{}", instance.name()).parse().unwrap();
    build_for(instance.engine(), Fixture::Probe, &image, "65534:65534").await;
    let mut spec = instance.spec("light", &image);
    let names = ["one", "two"].map(|name| format!("hap-{}-light-{name}", instance.name()));
    spec.volumes = vec![
        VolumeMount::new(names[0].clone(), "/data".to_owned()),
        VolumeMount::new(names[1].clone(), "/more".to_owned()),
    ];
    let id = instance.engine().create(&spec).await.unwrap();
    let docker = bystander(&instance);
    let tree =
        async |name: &str| Tree::of(docker.inspect_volume(name).await.unwrap().mountpoint.as_ref()).unwrap();
    for name in &names {
        let folder = docker.inspect_volume(name).await.unwrap().mountpoint;
        dress(folder.as_ref(), (65534, 65534)).unwrap();
    }

    let proxy = Proxy::before(instance.engine().uri());
    for (uri, exact) in [
        (instance.engine().uri().to_owned(), true),
        // What hands on to the engine here is not the engine, and yet all files are the same.
        (proxy.uri(), true),
        (instance.far_away().await, false),
    ] {
        let engine = DockerEngine::connect_to(&uri).await.unwrap();
        let pairs: Vec<_> = names
            .iter()
            .map(|name| (name.clone(), format!("{name}.copy")))
            .collect();
        let copy = VolumeCopy::new(
            instance.name().clone(),
            spec.plugin.clone(),
            spec.image.clone(),
            pairs.clone(),
        );
        // Twice, because a copy that was broken off is begun anew.
        for _ in 0..2 {
            engine.copy_volumes(&copy).await.unwrap();
            for (source, target) in &pairs {
                let (before, after) = (tree(source).await, tree(target).await);
                assert!(before.len() >= 11, "{before:?}");
                if exact {
                    assert_eq!(after, before, "{uri}");
                } else {
                    assert_ne!(after, before, "this is the other way");
                    assert_eq!(after.through_an_engine(), before.through_an_engine(), "{uri}");
                }
            }
        }
    }
    instance.engine().remove(&id).await.unwrap();
    remove_image(&instance, &image).await;
}
