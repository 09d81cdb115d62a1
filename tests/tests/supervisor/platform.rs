//! Networks that were removed by hand and came back on other subnets: plugins find the host elsewhere.

use std::net::{IpAddr, Ipv4Addr};

use hap_host::{
    Phase, PluginHandle, ShutdownMode,
    engine::{FakeEngine, HostEndpoints},
};
use hap_manifest::env;

use crate::{manifest_with, supervisor, until};

/// All of 127.0.0.0/8 is there on Linux.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

fn variable(engine: &FakeEngine, plugin: &PluginHandle, name: &str) -> String {
    let spec = engine.spec(plugin.id()).unwrap();
    let var = spec.env.iter().find(|var| var.name() == name).unwrap();
    var.expose_value().to_owned()
}

async fn healthy_at(engine: &FakeEngine, plugin: &PluginHandle, host: &str) {
    let found = async {
        loop {
            until(plugin, |state| state.phase == Phase::Healthy).await;
            let url = engine
                .spec(plugin.id())
                .map(|_| variable(engine, plugin, env::PLATFORM_API_URL));
            if url.is_some_and(|url| url.contains(host)) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(crate::DEADLINE, found).await.unwrap();
}

/// What the platform answers to an event that a plugin sends by its own environment.
async fn sends(engine: &FakeEngine, plugin: &PluginHandle) -> reqwest::Result<u16> {
    let url = format!("{}/events", variable(engine, plugin, env::PLATFORM_API_URL));
    let token = variable(engine, plugin, env::HAP_API_TOKEN);
    let client = reqwest::Client::builder().no_proxy().build()?;
    let sent = client.post(url).bearer_auth(token).body(r#"{"type":"motion"}"#);
    Ok(sent.send().await?.status().as_u16())
}

#[tokio::test]
async fn plugins_follow_the_host_to_another_address_and_their_events_arrive_there() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let first = supervisor(&engine, state.path()).await;
    let isolated = r#","network_access":false"#;
    let light = first.install(manifest_with("light", isolated)).await.unwrap();
    let lock = first.install(manifest_with("lock", isolated)).await.unwrap();
    let online = first.install(manifest_with("online", "")).await.unwrap();
    for plugin in [&light, &lock, &online] {
        plugin.start().await.unwrap();
        assert_eq!(sends(&engine, plugin).await.unwrap(), 202);
    }
    let before = online.state().container;

    // The isolated network came back elsewhere, which is found out when the next container is made.
    engine.set_host_endpoints(HostEndpoints::new(THERE, HERE));
    engine.remove_externally(light.id());
    for plugin in [&light, &lock] {
        healthy_at(&engine, plugin, "127.0.0.2").await;
    }
    for plugin in [&light, &lock, &online] {
        // The new address is bound in a moment.
        let arrived = async {
            while sends(&engine, plugin).await.ok() != Some(202) {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(crate::DEADLINE, arrived).await.unwrap();
    }
    assert_eq!(online.state().container, before, "its network is where it was");
    assert_eq!(engine.containers().len(), 3);
    assert!(engine.concurrent_operations().is_empty());

    let containers = engine.containers();
    first.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop(first);
    let second = supervisor(&engine, state.path()).await;
    for plugin in second.plugins() {
        until(&plugin, |state| state.phase == Phase::Healthy).await;
    }
    assert_eq!(engine.containers(), containers, "all are adopted");
}

#[tokio::test]
async fn a_container_that_was_taken_off_its_network_is_made_anew() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest_with("light", "")).await.unwrap();
    light.start().await.unwrap();
    let container = light.state().container;
    engine.disconnect(light.id());
    let another = |id: &Option<_>| id.is_some() && *id != container;
    let healed = until(&light, |state| {
        state.phase == Phase::Healthy && another(&state.container)
    })
    .await;
    assert_eq!(healed.restarts, 1);
    assert_eq!(engine.containers().len(), 1);
}
