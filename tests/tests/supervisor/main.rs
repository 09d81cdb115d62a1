//! The supervisor over the fake engine: faults that a real engine does not have on demand.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

mod choices;
mod commands;
mod config;
mod endings;
mod engine_faults;
mod from_before;
mod install;
mod isolation;
mod lifecycle;
mod limits;
mod order;
mod orphans;
mod outliving;
mod ownership;
mod peers;
mod permissions;
mod platform;
mod publishers;
mod restarts;
mod secrets;
mod signatures;
mod snapshots;
mod spans;
mod stopping;
mod talking;
mod update;
mod watching;

use std::{path::Path, time::Duration};

use hap_host::{
    HealthPolicy, PluginHandle, PluginState, RestartPolicy, Supervisor, SupervisorBuilder, engine::FakeEngine,
};
use hap_manifest::Manifest;

/// Longest wait for anything here. Generous, because the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(60);

async fn supervisor(engine: &FakeEngine, state: &Path) -> Supervisor {
    builder(engine, state).start().await.unwrap()
}

/// Life at a hundredth of its usual pauses.
fn builder(engine: &FakeEngine, state: &Path) -> SupervisorBuilder {
    let mut restart = RestartPolicy::default();
    restart.first_delay = Duration::from_millis(20);
    restart.max_delay = Duration::from_millis(200);
    let mut health = HealthPolicy::default();
    health.startup_deadline = Duration::from_secs(2);
    health.interval = Duration::from_millis(50);
    Supervisor::builder(engine.clone(), state)
        .restart_policy(restart)
        .health_policy(health)
}

fn manifest(id: &str) -> Manifest {
    Manifest::builder(id, "Plugin", "1.0.0", "plugin:1")
        .build()
        .unwrap()
}

/// One with more fields of the manifest.
fn manifest_with(id: &str, extra: &str) -> Manifest {
    let text = format!(
        r#"{{"id":"{id}","name":"Plugin","version":"1.0.0","description":"d","author":"a","image":"plugin:1"{extra}}}"#
    );
    Manifest::from_json(&text).unwrap().manifest
}

async fn until(plugin: &PluginHandle, wanted: impl FnMut(&PluginState) -> bool) -> PluginState {
    match tokio::time::timeout(DEADLINE, plugin.wait_for(wanted)).await {
        Ok(state) => state.unwrap(),
        Err(_) => panic!("never came to be: {:?}", plugin.state()),
    }
}

fn count(engine: &FakeEngine, operation: hap_host::engine::FakeOperation) -> usize {
    engine
        .calls()
        .iter()
        .filter(|call| call.operation == operation)
        .count()
}
