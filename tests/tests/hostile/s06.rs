//! A plugin that cannot be got rid of.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use bollard::query_parameters::InspectContainerOptions;
use hap_host::{PluginHandle, PluginSource, Policy, ShutdownMode, Supervisor};
use hap_manifest::Manifest;
use hap_tests::docker::{Fixture, Instance, ask, until_up};

use crate::{address, docker, folder, forget};

const FAULTY: [(Fixture, &str); 1] = [(Fixture::Faulty, "faulty")];
/// A signal that stops nothing, where the engine would take it.
const DOCKERFILE: &str =
    "FROM scratch\nCOPY faulty /faulty\nSTOPSIGNAL SIGCONT\nUSER 65534:65534\nENTRYPOINT [\"/faulty\"]\n";
/// Longest that an engine takes to kill and remove a container, on a busy machine.
const ENGINE: Duration = Duration::from_secs(30);

/// Asks for a day to stop.
fn manifest(id: &str) -> Manifest {
    let builder = Manifest::builder(id, "Stays", "1.0.0", "stays:1").stop_timeout("24h");
    builder.network_access(false).api_port(8000_u16).build().unwrap()
}

async fn host(instance: &Instance, state: &Path, policy: Policy, shutdown: Duration) -> Supervisor {
    let builder = Supervisor::builder(instance.engine().clone(), state).instance(instance.name().clone());
    let builder = builder.policy(policy).shutdown_timeout(shutdown);
    builder.start().await.unwrap()
}

/// A plugin that runs and ignores SIGTERM.
async fn stubborn(instance: &Instance, supervisor: &Supervisor, id: &str) -> PluginHandle {
    let folder = folder(&manifest(id), DOCKERFILE, &FAULTY);
    let plugin = supervisor
        .install(PluginSource::folder(folder.path()))
        .await
        .unwrap();
    plugin.start().await.unwrap();
    let container = plugin.state().container.unwrap();
    let address = address(instance, container.as_str()).await;
    until_up(address).await;
    ask(address, "/do?stubborn").await.unwrap();
    plugin
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s06_a_plugin_that_ignores_its_stop_for_a_day_is_removed_within_the_bound_of_the_host() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let most = Duration::from_secs(3);
    let policy = Policy::default().max_stop_timeout(most);
    let supervisor = host(&instance, state.path(), policy, Duration::from_secs(60)).await;
    let plugin = stubborn(&instance, &supervisor, "stays").await;
    let container = plugin.state().container.unwrap();
    let seen = docker(&instance)
        .inspect_container(container.as_str(), None::<InspectContainerOptions>)
        .await
        .unwrap();
    assert_eq!(seen.config.unwrap().stop_signal.as_deref(), Some("SIGTERM"));
    let begun = Instant::now();
    tokio::time::timeout(most + ENGINE, plugin.uninstall())
        .await
        .unwrap()
        .unwrap();
    let took = begun.elapsed();
    assert!(took >= most && took < most + ENGINE, "{took:?}");
    supervisor.prune_images().await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s06_force_kills_at_once_also_what_is_stopping_already() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let hour = Duration::from_secs(3600);
    let policy = Policy::default().max_stop_timeout(hour);
    let supervisor = host(&instance, state.path(), policy, hour).await;
    let plugin = stubborn(&instance, &supervisor, "stays").await;
    let asked = tokio::spawn(plugin.stop().into_future());
    let stopping = plugin.wait_for(|state| state.phase == hap_host::Phase::Stopping);
    tokio::time::timeout(ENGINE, stopping).await.unwrap().unwrap();
    tokio::time::timeout(ENGINE, plugin.stop().force(true))
        .await
        .unwrap()
        .unwrap();
    tokio::time::timeout(ENGINE, asked)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(plugin.state().last_exit.map(|exit| exit.code), None, "no failure");
    forget(&supervisor, "stays").await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s06_the_shutdown_of_the_host_waits_for_no_plugin_beyond_its_bound() {
    let instance = Instance::new().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let hour = Duration::from_secs(3600);
    let policy = || Policy::default().max_stop_timeout(hour);
    let bound = Duration::from_secs(24);
    let supervisor = host(&instance, state.path(), policy(), bound).await;
    let plugin = stubborn(&instance, &supervisor, "stays").await;
    let container = plugin.state().container.unwrap();
    let begun = Instant::now();
    let down = supervisor.shutdown(ShutdownMode::StopPlugins);
    tokio::time::timeout(bound + ENGINE, down).await.unwrap().unwrap();
    let took = begun.elapsed();
    assert!(took < bound + ENGINE, "{took:?}");
    let seen = docker(&instance)
        .inspect_container(container.as_str(), None::<InspectContainerOptions>)
        .await
        .unwrap();
    assert_eq!(seen.state.unwrap().running, Some(false));
    let supervisor = host(&instance, state.path(), policy(), bound).await;
    let plugin = supervisor.plugins().pop().unwrap();
    plugin.uninstall().force(true).await.unwrap();
    supervisor.prune_images().await.unwrap();
}
