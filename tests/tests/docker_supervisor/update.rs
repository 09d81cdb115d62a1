//! Updates on a real engine: data is copied by the engine, and comes back with the version that it is from.

use std::{collections::HashMap, time::Duration};

use bollard::{
    Docker,
    query_parameters::{ListContainersOptionsBuilder, ListVolumesOptionsBuilder},
};
use hap_host::{
    ErrorKind, LimitOverrides, Phase, PluginHandle, ProbationPolicy, RollBackOptions, Shutdown, Supervisor,
    UninstallOptions, engine::labels,
};
use hap_manifest::{ImageRef, Manifest};
use hap_tests::docker::{self, Fixture, Instance, ask};

use crate::address;

fn version(image: &ImageRef, version: &str, extra: &str) -> Manifest {
    let text = format!(
        r#"{{"id":"keeper","name":"Keeper","version":"{version}","description":"d","author":"a","image":"{image}",
            "network_access":false,"memory_limit":"64m","volumes":["/data"],"stop_timeout":"1s"{extra}}}"#
    );
    Manifest::from_json(&text).unwrap().manifest
}

async fn host(instance: &Instance, state: &std::path::Path) -> Supervisor {
    Supervisor::builder(instance.engine().clone(), state)
        .instance(instance.name().clone())
        .probation_policy(ProbationPolicy::default().healthy_for(Duration::from_secs(1)))
        .start()
        .await
        .unwrap()
}

async fn told(instance: &Instance, plugin: &PluginHandle, what: &str) -> Result<String, String> {
    let address = address(instance, plugin).await;
    ask(address, &format!("/do?{what}")).await
}

/// Volumes of the instance, and containers by which volumes were copied.
async fn left(instance: &Instance) -> (Vec<String>, usize) {
    let docker = Docker::connect_with_host(instance.engine().uri()).unwrap();
    let filters = |label: &str| HashMap::from([("label", vec![format!("{label}={}", instance.name())])]);
    let volumes = ListVolumesOptionsBuilder::default()
        .filters(&filters(labels::INSTANCE))
        .build();
    let helpers = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&filters(labels::COPY_INSTANCE))
        .build();
    let volumes = docker
        .list_volumes(Some(volumes))
        .await
        .unwrap()
        .volumes
        .unwrap_or_default();
    let helpers = docker.list_containers(Some(helpers)).await.unwrap();
    (
        volumes.into_iter().map(|volume| volume.name).collect(),
        helpers.len(),
    )
}

#[tokio::test]
async fn a_version_that_ruins_its_data_and_ends_is_undone_with_the_data() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let image = docker::image(instance.engine(), Fixture::Faulty).await;
    let state = tempfile::tempdir().unwrap();
    let supervisor = host(&instance, state.path()).await;
    let keeper = supervisor.install(version(&image, "1.0.0", "")).await.unwrap();
    keeper.start().await.unwrap();
    told(&instance, &keeper, "write:/data/mark:precious")
        .await
        .unwrap();

    let broken = version(&image, "2.0.0", r#","env_vars":{"FAULT":"exit:78"}"#);
    let error = keeper.update(broken).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(error.to_string().contains("exit code 78"), "{error}");
    assert!(
        error.to_string().contains("ends at once with 78"),
        "the last lines are told: {error}"
    );
    assert_eq!(keeper.manifest().version().to_string(), "1.0.0");
    assert_eq!(keeper.state().phase, Phase::Healthy);
    assert_eq!(
        told(&instance, &keeper, "read:/data/mark").await.unwrap(),
        "precious"
    );

    keeper.update(version(&image, "1.1.0", "")).await.unwrap();
    assert_eq!(
        told(&instance, &keeper, "read:/data/mark").await.unwrap(),
        "precious"
    );
    told(&instance, &keeper, "write:/data/mark:overwritten")
        .await
        .unwrap();
    told(&instance, &keeper, "write:/data/more:new").await.unwrap();
    keeper
        .roll_back(RollBackOptions::default().restore_data(true))
        .await
        .unwrap();
    assert_eq!(keeper.manifest().version().to_string(), "1.0.0");
    assert_eq!(
        told(&instance, &keeper, "read:/data/mark").await.unwrap(),
        "precious"
    );
    told(&instance, &keeper, "read:/data/more").await.unwrap_err();

    let (volumes, helpers) = left(&instance).await;
    assert!(
        volumes.len() <= 3 && helpers == 0,
        "{volumes:?}, {helpers} helpers"
    );
    keeper.uninstall(UninstallOptions::default()).await.unwrap();
    let (volumes, helpers) = left(&instance).await;
    assert_eq!(
        (volumes.len(), helpers),
        (1, 0),
        "the data stays, copies go: {volumes:?}"
    );
    let again = supervisor.install(version(&image, "1.0.0", "")).await.unwrap();
    again.start().await.unwrap();
    assert_eq!(
        told(&instance, &again, "read:/data/mark").await.unwrap(),
        "precious"
    );
    again
        .uninstall(UninstallOptions::default().remove_data(true))
        .await
        .unwrap();
    supervisor.shutdown(Shutdown::StopPlugins).await.unwrap();
}

#[tokio::test]
async fn limits_change_in_place_on_a_running_container() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let image = docker::image(instance.engine(), Fixture::Faulty).await;
    let state = tempfile::tempdir().unwrap();
    let supervisor = host(&instance, state.path()).await;
    let keeper = supervisor.install(version(&image, "1.0.0", "")).await.unwrap();
    keeper.start().await.unwrap();
    let (container, before) = (keeper.state().container, keeper.stats().await.unwrap());
    let less = LimitOverrides::default()
        .memory("32m".parse().unwrap())
        .pids(hap_manifest::PidsLimit::new(33).unwrap());
    keeper.set_limits(less).await.unwrap();
    let after = keeper.stats().await.unwrap();
    assert_eq!(
        (before.memory_limit_bytes, after.memory_limit_bytes),
        (64 << 20, 32 << 20),
        "as the kernel accounts it"
    );
    assert_eq!(
        (keeper.state().container, keeper.state().phase),
        (container.clone(), Phase::Healthy)
    );

    // Below what it uses by then: the kernel refuses it in place.
    let more = less.memory("128m".parse().unwrap());
    keeper.set_limits(more).await.unwrap();
    // Files in memory count as used for as long as they are there.
    told(&instance, &keeper, "bulk:/tmp/full:48").await.unwrap();
    keeper.set_limits(less).await.unwrap();
    crate::until(&keeper, |state| state.phase == Phase::Healthy).await;
    assert_eq!(keeper.stats().await.unwrap().memory_limit_bytes, 32 << 20);
    assert_ne!(keeper.state().container, container);
    keeper
        .uninstall(UninstallOptions::default().remove_data(true))
        .await
        .unwrap();
    supervisor.shutdown(Shutdown::StopPlugins).await.unwrap();
}
