use std::{collections::HashMap, time::Duration};

use bollard::{
    models::{ContainerCreateBody, VolumeCreateRequest},
    query_parameters::{CreateContainerOptionsBuilder, InspectContainerOptions},
};
use hap_host::engine::{ContainerId, Engine, EngineErrorKind, VolumeMount};
use hap_manifest::PluginId;
use hap_tests::docker::{Instance, OWNER, probe_image};

use super::{bystander, run};

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_container_of_somebody_else_is_not_touched() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    engine.prepare(instance.name()).await.unwrap();
    let docker = bystander(&instance);
    let image = probe_image().await;
    let spec = instance.spec("light", &image);
    let options = CreateContainerOptionsBuilder::default().name(&spec.name).build();
    let body = ContainerCreateBody {
        image: Some(image.to_string()),
        labels: Some(HashMap::from([(OWNER.to_owned(), instance.name().to_string())])),
        ..Default::default()
    };
    let foreign = docker.create_container(Some(options), body).await.unwrap().id;
    docker.start_container(&foreign, None).await.unwrap();

    let taken = engine.create(&spec).await.unwrap_err();
    assert_eq!(taken.kind(), EngineErrorKind::Conflict, "{taken}");
    let id = ContainerId::new(foreign.as_str());
    for refused in [
        engine.stop(&id, Duration::ZERO).await,
        engine.kill(&id).await,
        engine.remove(&id).await,
        engine.start(&id).await,
        engine.inspect(&id).await.map(|_| ()),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), EngineErrorKind::Rejected);
        assert!(error.to_string().contains("somebody else's"), "{error}");
    }
    assert_eq!(engine.list(instance.name()).await.unwrap(), []);
    let found = docker
        .inspect_container(&foreign, None::<InspectContainerOptions>)
        .await
        .unwrap();
    assert_eq!(found.state.unwrap().running, Some(true));
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_volume_of_somebody_else_is_not_mounted_nor_removed() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    engine.prepare(instance.name()).await.unwrap();
    let docker = bystander(&instance);
    let name = format!("hap-{}-light-data", instance.name());
    let labels = HashMap::from([(OWNER.to_owned(), instance.name().to_string())]);
    let request = VolumeCreateRequest {
        name: Some(name.clone()),
        labels: Some(labels),
        ..Default::default()
    };
    docker.create_volume(request).await.unwrap();

    let mut spec = instance.spec("light", &probe_image().await);
    spec.volumes = vec![VolumeMount::new(name.clone(), "/data".to_owned())];
    let error = engine.create(&spec).await.unwrap_err();
    assert_eq!(error.kind(), EngineErrorKind::Conflict);
    assert!(
        error.to_string().contains(&name) && error.to_string().contains("left alone"),
        "{error}"
    );
    assert_eq!(engine.list(instance.name()).await.unwrap(), []);
    engine
        .remove_volumes(instance.name(), &PluginId::new("light").unwrap())
        .await
        .unwrap();
    docker.inspect_volume(&name).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn two_instances_do_not_see_each_other() {
    let Some(one) = Instance::new().await else { return };
    let Some(two) = Instance::new().await else { return };
    let image = probe_image().await;
    for instance in [&one, &two] {
        instance.engine().prepare(instance.name()).await.unwrap();
    }
    let (first, _) = run(&one, &one.spec("light", &image)).await;
    let (second, _) = run(&one, &one.spec("lock", &image)).await;
    let other = two.engine().create(&two.spec("light", &image)).await.unwrap();
    let mut listed = one.engine().list(one.name()).await.unwrap();
    listed.sort_by_key(|observed| observed.plugin.to_string());
    assert_eq!(
        listed.iter().map(|observed| &observed.id).collect::<Vec<_>>(),
        [&first, &second]
    );
    assert!(
        listed
            .iter()
            .all(|observed| observed.address.is_some() && observed.started_at.is_some())
    );
    let listed = two.engine().list(two.name()).await.unwrap();
    assert_eq!(
        listed.iter().map(|observed| &observed.id).collect::<Vec<_>>(),
        [&other]
    );
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn containers_that_vanish_while_all_are_listed_are_left_out() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let engine = instance.engine();
    engine.prepare(instance.name()).await.unwrap();
    let image = probe_image().await;
    let stays = engine.create(&instance.spec("stays", &image)).await.unwrap();
    let churn = async {
        for round in 0..12 {
            let id = engine
                .create(&instance.spec(&format!("goes-{round}"), &image))
                .await
                .unwrap();
            engine.remove(&id).await.unwrap();
        }
    };
    let watch = async {
        loop {
            let listed = engine.list(instance.name()).await.unwrap();
            assert!(listed.iter().any(|observed| observed.id == stays));
        }
    };
    tokio::select! {
        () = churn => {}
        () = watch => {}
    }
}
