use std::borrow::Cow;
use std::collections::BTreeMap;

use hap_manifest::PluginId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    event::PluginEventView,
    isolation::{HostProblemView, IsolationView},
    plugin::ConfigStateView,
    second_container::SecondContainerView,
};
use crate::{
    engine::{EngineCapabilities, info::EngineInfo},
    model::isolation::IsolationState,
};

/// A plugin is gone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Removed {
    /// Its id.
    pub id: PluginId,
    /// Its volumes are gone too.
    pub data_removed: bool,
}

/// The settings that are kept for a plugin.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct KeptConfig {
    /// The settings, secrets shown as `[REDACTED]`; null when there are none.
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub settings: Option<Value>,
    /// Whether the plugin has them.
    pub config: ConfigStateView,
}

/// New settings were taken.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ConfigAnswer {
    /// True.
    pub success: bool,
    /// The plugin has them. Otherwise they are kept, and the plugin gets them when it is healthy.
    pub delivered: bool,
    /// What the plugin says, or why it does not have them yet.
    pub message: String,
}

/// The last status that a plugin sent on its own.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct LastStatus {
    /// Null when it never sent one.
    pub event: Option<PluginEventView>,
}

/// How the supervisor itself does.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Health {
    /// `healthy`. When the engine does not answer this call is refused with 503 and
    /// the code `engine`.
    #[schemars(extend("enum" = ["healthy"]))]
    pub status: Cow<'static, str>,
    /// The engine.
    pub engine: EngineReport,
    /// Whether plugins are kept apart from each other, as it was measured last.
    pub isolation: IsolationView,
    /// The port on which plugins reach the platform.
    pub events_port: u16,
    /// How many plugins are in each phase; phases without any are left out.
    pub phases: BTreeMap<Cow<'static, str>, u64>,
    /// What is wrong with the host itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<HostProblemView>,
    /// Containers that carry a plugin's labels and are not the plugin's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub second_containers: Vec<SecondContainerView>,
}

/// What runs the containers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Engine")]
#[non_exhaustive]
pub struct EngineReport {
    /// Its name, such as `docker`.
    pub name: Cow<'static, str>,
    /// Its version, as it says.
    pub version: String,
    /// The newest version of its API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// How it stores images and containers, such as `overlay2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// The version of the kernel's control groups, which enforce limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
    /// The runtime that it starts containers with, and its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// Plugins are kept apart from the host's files, processes and network, and it was measured that
    /// they are from each other. False while that is not known: see `isolation` of the whole answer.
    pub isolation: bool,
    /// Memory, CPU and process limits are enforced.
    pub limits: bool,
}

impl EngineReport {
    pub(in crate::management) fn new(
        capabilities: &EngineCapabilities,
        info: EngineInfo,
        isolation: &IsolationState,
    ) -> Self {
        Self {
            name: capabilities.name.into(),
            version: info.version,
            api: info.api,
            storage: info.storage,
            cgroup: info.cgroup,
            runtime: info.runtime,
            isolation: capabilities.isolation && isolation.holds(),
            limits: capabilities.limits,
        }
    }
}
