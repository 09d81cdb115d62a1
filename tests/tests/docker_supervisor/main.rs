//! Whole lives of plugins under a supervisor, on a real engine.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

mod adoption;
mod cis;
mod failures;
mod install;
mod instances;
mod isolation;
mod life;
mod light;
mod management;
mod orphans;
mod outliving;
mod permissions;
mod update;

use std::{net::SocketAddr, time::Duration};

use hap_host::{PluginHandle, PluginState, Supervisor, engine::Engine as _};
use hap_manifest::{ImageRef, Manifest};
use hap_tests::docker::Instance;

/// Longest wait for anything here. Generous, because the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(120);

async fn supervisor(instance: &Instance, state: &std::path::Path) -> Supervisor {
    let builder = Supervisor::builder(instance.engine().clone(), state).instance(instance.name().clone());
    builder.start().await.unwrap()
}

/// A plugin without network access that runs the probe, with more fields of the manifest in `extra`.
fn probe(id: &str, image: &ImageRef, extra: &str) -> Manifest {
    probe_on(id, image, false, extra)
}

fn probe_on(id: &str, image: &ImageRef, network_access: bool, extra: &str) -> Manifest {
    let text = format!(
        r#"{{"id":"{id}","name":"Probe","version":"1.0.0","description":"tells what it can do","author":"tests",
            "image":"{image}","api_port":8000,"cpu_limit":1,"memory_limit":"64m","network_access":{network_access},
            "device_access":false{extra}}}"#
    );
    Manifest::from_json(&text).unwrap().manifest
}

async fn until(plugin: &PluginHandle, wanted: impl FnMut(&PluginState) -> bool) -> PluginState {
    match tokio::time::timeout(DEADLINE, plugin.wait_for(wanted)).await {
        Ok(state) => state.unwrap(),
        Err(_) => panic!("never came to be: {:?}", plugin.state()),
    }
}

/// Where the host reaches a running plugin, asked of the engine itself.
async fn address(instance: &Instance, plugin: &PluginHandle) -> SocketAddr {
    let container = plugin.state().container.unwrap();
    instance
        .engine()
        .inspect(&container)
        .await
        .unwrap()
        .address
        .unwrap()
}
