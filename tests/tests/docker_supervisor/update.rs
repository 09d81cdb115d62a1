//! Updates on a real engine: data is copied by the engine, and comes back with the version that it is from.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use bollard::{
    Docker,
    query_parameters::{ListContainersOptionsBuilder, ListVolumesOptionsBuilder},
};
use hap_host::{
    ErrorKind, LimitOverrides, Phase, PluginHandle, ProbationPolicy, ShutdownMode, Supervisor, engine::labels,
};
use hap_manifest::{ImageRef, Manifest};
use hap_tests::docker::{self, Fixture, Instance, Tree, ask};

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
#[ignore = "needs a Docker engine"]
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
    keeper.roll_back().restore_data(true).await.unwrap();
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
    keeper.uninstall().await.unwrap();
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
    again.uninstall().remove_data(true).await.unwrap();
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

/// Where the engine keeps the one volume of the instance that is no copy.
async fn data_folder(instance: &Instance) -> PathBuf {
    let docker = Docker::connect_with_host(instance.engine().uri()).unwrap();
    let (names, _) = left(instance).await;
    let name = names.iter().find(|name| !name.contains("snapshot")).unwrap();
    docker.inspect_volume(name).await.unwrap().mountpoint.into()
}

/// Plugins of several users, their data as strange as data can be, and a version that ruins it and does not run.
async fn comes_back_as_it_was(user: &str) {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let image: ImageRef = format!("hap-tests-keeper:{}", instance.name()).parse().unwrap();
    docker::build_for(instance.engine(), Fixture::Faulty, &image, user).await;
    let state = tempfile::tempdir().unwrap();
    let supervisor = host(&instance, state.path()).await;
    // Nobody is root because an image says so.
    let asked = if user == "0:0" { r#","user":"0:0""# } else { "" };
    let install = supervisor.install(version(&image, "1.0.0", asked));
    let keeper = install.grant_all_requested(true).await.unwrap();
    keeper.start().await.unwrap();
    told(&instance, &keeper, "write:/data/mark:precious")
        .await
        .unwrap();
    let folder = data_folder(&instance).await;
    let (uid, gid) = user.split_once(':').unwrap();
    docker::dress(&folder, (uid.parse().unwrap(), gid.parse().unwrap())).unwrap();
    let before = Tree::of(&folder).unwrap();
    assert!(before.len() >= 11, "{before:?}");

    let ruinous = version(
        &image,
        "2.0.0",
        &format!(r#"{asked},"env_vars":{{"FAULT":"ruin:/data"}}"#),
    );
    let error = keeper.update(ruinous.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(error.to_string().contains("ruins /data: Ok"), "{error}");
    assert_eq!(keeper.state().phase, Phase::Healthy, "{:?}", keeper.state());
    assert_eq!(Tree::of(&data_folder(&instance).await).unwrap(), before);
    assert_eq!(
        told(&instance, &keeper, "read:/data/mark").await.unwrap(),
        "precious"
    );
    told(&instance, &keeper, "write:/data/new:can be written")
        .await
        .unwrap();
    told(&instance, &keeper, "remove:/data/new").await.unwrap();

    // The same on the way that a person asks for.
    keeper.update(version(&image, "1.1.0", asked)).await.unwrap();
    let committed = Tree::of(&data_folder(&instance).await).unwrap();
    for entry in ["mess", "deep/file", "mark"] {
        let _ = told(&instance, &keeper, &format!("remove:/data/{entry}")).await;
    }
    assert_ne!(Tree::of(&data_folder(&instance).await).unwrap(), committed);
    keeper.roll_back().restore_data(true).await.unwrap();
    assert_eq!(Tree::of(&data_folder(&instance).await).unwrap(), committed);
    assert_eq!(
        told(&instance, &keeper, "read:/data/mark").await.unwrap(),
        "precious"
    );

    keeper.uninstall().remove_data(true).await.unwrap();
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    docker::remove_image(&instance, &image).await;
}

#[tokio::test]
#[ignore = "needs a Docker engine and root"]
async fn a_failed_update_gives_back_exactly_what_was_to_a_plugin_of_root() {
    comes_back_as_it_was("0:0").await;
}

#[tokio::test]
#[ignore = "needs a Docker engine and root"]
async fn a_failed_update_gives_back_exactly_what_was_to_a_plugin_of_nobody() {
    comes_back_as_it_was("65534:65534").await;
}

#[tokio::test]
#[ignore = "needs a Docker engine and root"]
async fn a_failed_update_gives_back_exactly_what_was_to_a_plugin_of_a_user_without_a_name() {
    comes_back_as_it_was("12345:54321").await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_version_that_is_healthy_for_less_than_its_probation_is_never_committed() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let image = docker::image(instance.engine(), Fixture::Faulty).await;
    let state = tempfile::tempdir().unwrap();
    let supervisor = Supervisor::builder(instance.engine().clone(), state.path())
        .instance(instance.name().clone())
        .start()
        .await
        .unwrap();
    let tries = [
        "well-for:1",
        "well-for:2",
        "well-for:5",
        "well-for:9",
        "ends-after:9",
    ];
    let updates = tries.into_iter().enumerate().map(|(index, fault)| {
        let (supervisor, image) = (&supervisor, &image);
        async move {
            let of = |number: &str, extra: &str| {
                let text = format!(
                    r#"{{"id":"try-{index}","name":"Try","version":"{number}","description":"d","author":"a",
                        "image":"{image}","network_access":false,"memory_limit":"64m","stop_timeout":"1s"{extra}}}"#
                );
                Manifest::from_json(&text).unwrap().manifest
            };
            let plugin = supervisor.install(of("1.0.0", "")).await.unwrap();
            plugin.start().await.unwrap();
            let fault = format!(r#","env_vars":{{"FAULT":"{fault}"}}"#);
            let error = plugin.update(of("2.0.0", &fault)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Failed, "{fault}: {error}");
            assert_eq!(plugin.manifest().version().to_string(), "1.0.0", "{fault}");
            crate::until(&plugin, |state| state.phase == Phase::Healthy).await;
        }
    });
    futures_util::future::join_all(updates).await;
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
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
    keeper.uninstall().remove_data(true).await.unwrap();
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}
