use std::borrow::Cow;

use hap_manifest::PluginId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rfc3339;
use crate::model::activity::{Activity, EngineOperation, InstallProgress};

/// What is going on with a plugin.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Activity")]
#[non_exhaustive]
pub struct ActivityView {
    /// The operation on the engine that is under way.
    pub operation: Option<OperationView>,
    /// The calls that wait for the plugin to come to what they want, the oldest first.
    pub calls: Vec<CallView>,
}

impl From<Activity> for ActivityView {
    fn from(activity: Activity) -> Self {
        let calls = activity.calls.iter();
        Self {
            operation: activity.operation.map(OperationView::from),
            calls: calls
                .map(|call| CallView {
                    name: call.name.into(),
                    since: rfc3339(call.since),
                })
                .collect(),
        }
    }
}

/// An operation on the engine that is under way.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Operation")]
#[non_exhaustive]
pub struct OperationView {
    /// What it does: `look`, `create`, `set_limits`, `start`, `stop`, `remove` or `remove_data`.
    pub kind: Cow<'static, str>,
    /// Since when, by RFC 3339.
    pub since: String,
}

impl From<EngineOperation> for OperationView {
    fn from(operation: EngineOperation) -> Self {
        Self {
            kind: operation.kind.as_str().into(),
            since: rfc3339(operation.since),
        }
    }
}

/// A call that waits for a plugin.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Call")]
#[non_exhaustive]
pub struct CallView {
    /// What it does, such as `start`.
    pub name: Cow<'static, str>,
    /// Since when, by RFC 3339.
    pub since: String,
}

/// The installations that are under way, by id.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct InstallingList {
    /// Each of them.
    pub installing: Vec<InstallingView>,
}

/// An installation that is under way.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Installing")]
#[non_exhaustive]
pub struct InstallingView {
    /// The plugin.
    pub plugin: PluginId,
    /// Since when, by RFC 3339.
    pub since: String,
    /// What it is doing: `unpacking`, `pulling`, `sending` or `building`; null before
    /// its first stage.
    pub stage: Option<Cow<'static, str>>,
    /// What it said last in words, such as why a pull is tried again; null while it said nothing.
    pub step: Option<String>,
}

impl From<InstallProgress> for InstallingView {
    fn from(installing: InstallProgress) -> Self {
        Self {
            plugin: installing.plugin,
            since: rfc3339(installing.since),
            stage: installing.stage.map(|stage| stage.as_str().into()),
            step: installing.step,
        }
    }
}
