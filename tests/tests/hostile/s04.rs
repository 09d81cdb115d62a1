//! Labels say nothing of who made a container: images carry them too.

use std::{collections::HashMap, path::Path, time::Duration};

use bollard::{
    Docker,
    models::{ContainerCreateBody, EndpointSettings, HostConfig, NetworkingConfig},
    query_parameters::{CreateContainerOptionsBuilder, InspectContainerOptions, RenameContainerOptions},
};
use hap_host::{
    Phase, PluginHandle, PluginState, ShutdownMode, Supervisor,
    engine::{BuildContext, Engine as _, ProgressSink, labels},
};
use hap_manifest::{ImageRef, Manifest};
use hap_tests::docker::{Instance, probe_image};

const DEADLINE: Duration = Duration::from_secs(120);

fn bystander(instance: &Instance) -> Docker {
    Docker::connect_with_host(instance.engine().uri()).unwrap()
}

async fn supervisor(instance: &Instance, state: &Path) -> Supervisor {
    let builder = Supervisor::builder(instance.engine().clone(), state).instance(instance.name().clone());
    builder.start().await.unwrap()
}

fn probe(id: &str, image: &ImageRef) -> Manifest {
    let text = format!(
        r#"{{"id":"{id}","name":"Probe","version":"1.0.0","description":"d","author":"a","image":"{image}",
            "api_port":8000,"network_access":false,"volumes":["/data"]}}"#
    );
    Manifest::from_json(&text).unwrap().manifest
}

async fn until(plugin: &PluginHandle, wanted: impl FnMut(&PluginState) -> bool) -> PluginState {
    match tokio::time::timeout(DEADLINE, plugin.wait_for(wanted)).await {
        Ok(state) => state.unwrap(),
        Err(_) => panic!("never came to be: {:?}", plugin.state()),
    }
}

async fn runs(docker: &Docker, id: &str) -> bool {
    let found = docker
        .inspect_container(id, None::<InspectContainerOptions>)
        .await;
    found.unwrap().state.unwrap().running.unwrap()
}

/// Starts a container by hand under a name, on the isolated network of the instance.
async fn by_hand(
    instance: &Instance,
    name: &str,
    image: &ImageRef,
    labels: HashMap<String, String>,
    env: Vec<String>,
) -> String {
    let docker = bystander(instance);
    let network = format!("hap-{}-isolated", instance.name());
    let endpoints = HashMap::from([(network.clone(), EndpointSettings::default())]);
    let body = ContainerCreateBody {
        image: Some(image.to_string()),
        labels: Some(labels),
        env: Some(env),
        host_config: Some(HostConfig {
            network_mode: Some(network),
            ..Default::default()
        }),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(endpoints),
        }),
        ..Default::default()
    };
    let options = CreateContainerOptionsBuilder::default().name(name).build();
    let id = docker.create_container(Some(options), body).await.unwrap().id;
    docker.start_container(&id, None).await.unwrap();
    id
}

/// A copy of a plugin's container as a container manager makes it: all labels, all variables.
async fn duplicate(instance: &Instance, plugin: &PluginHandle, image: &ImageRef, name: &str) -> String {
    let id = plugin.state().container.unwrap();
    let found = bystander(instance)
        .inspect_container(id.as_str(), None::<InspectContainerOptions>)
        .await
        .unwrap();
    let config = found.config.unwrap();
    let (labels, env) = (config.labels.unwrap(), config.env.unwrap());
    by_hand(instance, name, image, labels, env).await
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s04_a_container_with_all_our_labels_and_our_name_is_neither_adopted_nor_touched() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let (state, image) = (tempfile::tempdir().unwrap(), probe_image().await);
    let supervisor = supervisor(&instance, state.path()).await;
    let light = supervisor.install(probe("light", &image)).await.unwrap();
    // What an image can carry, to the last label, and a seal that is made up.
    let claimed = [
        (labels::SCHEMA, "1"),
        (labels::INSTANCE, instance.name().as_str()),
        (labels::PLUGIN_ID, "light"),
        (labels::PLUGIN_PORT, "8000"),
        (labels::PLUGIN_VERSION, "1.0.0"),
        (labels::SPEC_DIGEST, "abc"),
        (labels::SEAL, &"ab".repeat(32)),
    ];
    let claimed = claimed.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let name = format!("hap.{}.light", instance.name());
    let stranger = by_hand(&instance, &name, &image, HashMap::from(claimed), Vec::new()).await;

    let error = light.start().await.unwrap_err();
    assert!(error.to_string().contains("rename or remove it"), "{error}");
    assert_eq!(light.state().container, None);
    light.stop().await.unwrap();
    light.uninstall().await.unwrap();
    let swept = supervisor.sweep_orphans(Duration::ZERO).await.unwrap();
    assert!(swept.removed.is_empty() && swept.failed.is_empty(), "{swept:?}");
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    assert!(runs(&bystander(&instance), &stranger).await);
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s04_an_image_that_is_built_here_carries_none_of_our_labels() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let written = [
        labels::SCHEMA,
        labels::INSTANCE,
        labels::PLUGIN_ID,
        labels::SPEC_DIGEST,
        labels::SEAL,
        labels::COPY_INSTANCE,
    ];
    let lines = written.map(|label| format!("LABEL {label}=\"{}\"\n", instance.name()));
    let dockerfile = format!("FROM scratch\n{}COPY Dockerfile /\n", lines.concat());
    std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
    let tag: ImageRef = format!("hap-tests-labels-{}:1", instance.name()).parse().unwrap();
    let context = BuildContext::new(folder.path(), "Dockerfile");
    let engine = instance.engine();
    engine.build(&context, &tag, ProgressSink::none()).await.unwrap();
    let found = bystander(&instance).inspect_image(tag.as_str()).await.unwrap();
    hap_tests::docker::remove_image(&instance, &tag).await;
    let found = found.config.unwrap().labels.unwrap();
    for label in written {
        assert_eq!(found[label], "", "{label}");
    }
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s04_a_copy_of_a_plugins_container_is_told_of_and_goes_where_the_plugin_goes() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let (state, image) = (tempfile::tempdir().unwrap(), probe_image().await);
    let docker = bystander(&instance);
    let supervisor = supervisor(&instance, state.path()).await;
    let light = supervisor.install(probe("light", &image)).await.unwrap();
    light.start().await.unwrap();
    let own = light.state().container.unwrap();
    let name = format!("copied-{}", instance.name());
    let copy = duplicate(&instance, &light, &image, &name).await;
    let seen = async {
        while supervisor.second_containers().is_empty() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(DEADLINE, seen).await.unwrap();
    let second = supervisor.second_containers().pop().unwrap();
    assert_eq!((second.name, second.sealed, second.running), (name, true, true));
    assert_eq!(second.container.as_str(), copy);
    assert_eq!(light.state().container, Some(own.clone()));

    light.stop().await.unwrap();
    assert!(!runs(&docker, own.as_str()).await && !runs(&docker, &copy).await);
    light.uninstall().remove_data(true).await.unwrap();
    for id in [own.as_str(), &copy] {
        let gone = docker
            .inspect_container(id, None::<InspectContainerOptions>)
            .await;
        assert!(gone.is_err(), "{id} is left");
    }
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s04_a_container_under_another_name_does_not_run_on_beside_the_plugins_own() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let (state, image) = (tempfile::tempdir().unwrap(), probe_image().await);
    let docker = bystander(&instance);
    let supervisor = supervisor(&instance, state.path()).await;
    let light = supervisor.install(probe("light", &image)).await.unwrap();
    light.start().await.unwrap();
    let before = light.state().container.unwrap();
    let name = format!("renamed-{}", instance.name());
    docker
        .rename_container(before.as_str(), RenameContainerOptions { name })
        .await
        .unwrap();
    light.restart().await.unwrap();
    let another = |state: &PluginState| state.container.as_ref().is_some_and(|id| *id != before);
    until(&light, |state| state.phase == Phase::Healthy && another(state)).await;
    assert!(!runs(&docker, before.as_str()).await);
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}
