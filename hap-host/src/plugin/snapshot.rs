//! What readers see of a plugin: what the task that runs it publishes.

use std::sync::Arc;

use hap_manifest::Manifest;

use crate::{
    engine::spec::ResourceLimits,
    model::{
        env::EnvOverrides, failure::Failure, limits::LimitOverrides, record::PluginRecord,
        state::PluginState, version::PluginVersion,
    },
    protocol::client::PluginClient,
};

/// What readers see of a plugin at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub state: PluginState,
    /// The way to the plugin while it runs.
    pub client: Option<PluginClient>,
    /// The last lines of a failed run are still being read.
    pub diagnosing: bool,
    /// Counts failures, so that a waiter tells a new one from an old one.
    pub failures: u64,
    /// Counts the runs that became healthy.
    pub healthy_runs: u64,
    /// The host shuts down and this plugin is down.
    pub halted: bool,
    /// Old keys are still good, because a container may have them.
    pub rotating: bool,
    /// What is stored of the plugin.
    pub told: PublicRecord,
    /// Counts updates that ended.
    pub updates: u64,
    /// How the new version failed, where the last of them came back for that.
    pub update_failure: Option<Arc<Failure>>,
    /// What the container shall have, and whether it has it.
    pub limits_in_force: (ResourceLimits, bool),
}

/// The parts of a record that readers see, made again only when the record changes.
#[derive(Debug, Clone)]
pub(crate) struct PublicRecord {
    pub manifest: Arc<Manifest>,
    /// What the plugin is now.
    pub version: Arc<PluginVersion>,
    /// What the last update replaced.
    pub previous: Option<Arc<PluginVersion>>,
    /// What the operator gave the plugin in place of its manifest's limits.
    pub limits: LimitOverrides,
    /// The operator's variables without their secrets.
    pub env: Arc<EnvOverrides>,
}

impl PublicRecord {
    pub(super) fn of(record: &PluginRecord) -> Self {
        Self {
            manifest: Arc::new(record.manifest.clone()),
            version: Arc::new(record.version()),
            previous: record.updates.previous.clone().map(Arc::new),
            limits: record.limits,
            env: Arc::new(record.choices.env.shown()),
        }
    }
}
