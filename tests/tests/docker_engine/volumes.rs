use std::collections::HashMap;

use bollard::query_parameters::ListVolumesOptionsBuilder;
use hap_host::engine::{BuildContext, Engine, EngineErrorKind, ProgressSink, VolumeMount, labels};
use hap_tests::docker::{Instance, ask, probe_image};

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
async fn volumes_that_an_image_makes_go_with_the_container() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    engine.prepare(instance.name()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let base = probe_image().await;
    std::fs::write(
        folder.path().join("Dockerfile"),
        format!("FROM {base}\nVOLUME /scratch\n"),
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
    assert_eq!(ask(address, "/write?/scratch/x").await.unwrap(), "written");
    let docker = bystander(&instance);
    let found = docker.inspect_container(id.as_str(), None).await.unwrap();
    let anonymous = found
        .mounts
        .unwrap()
        .into_iter()
        .find_map(|mount| mount.name)
        .unwrap();
    docker.inspect_volume(&anonymous).await.unwrap();
    engine.remove(&id).await.unwrap();
    hap_tests::docker::remove_image(&instance, &tag).await;
    docker.inspect_volume(&anonymous).await.unwrap_err();
}
