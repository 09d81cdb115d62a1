use hap_manifest::PluginId;
use schemars::JsonSchema;
use serde::Serialize;

use super::rfc3339;
use crate::model::activity::{Activity, EngineOperation, InstallProgress};

/// What is going on with a plugin.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Activity")]
pub(in crate::management) struct ActivityView {
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
                    name: call.name,
                    since: rfc3339(call.since),
                })
                .collect(),
        }
    }
}

/// An operation on the engine that is under way.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Operation")]
pub(in crate::management) struct OperationView {
    /// What it does: `look`, `create`, `set_limits`, `start`, `stop`, `remove` or `remove_data`.
    pub kind: &'static str,
    /// Since when, by RFC 3339.
    pub since: String,
}

impl From<EngineOperation> for OperationView {
    fn from(operation: EngineOperation) -> Self {
        Self {
            kind: operation.kind.as_str(),
            since: rfc3339(operation.since),
        }
    }
}

/// A call that waits for a plugin.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Call")]
pub(in crate::management) struct CallView {
    /// What it does, such as `start`.
    pub name: &'static str,
    /// Since when, by RFC 3339.
    pub since: String,
}

/// The installations that are under way, by id.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::management) struct InstallingList {
    pub installing: Vec<InstallingView>,
}

/// An installation that is under way.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Installing")]
pub(in crate::management) struct InstallingView {
    /// The plugin.
    pub plugin: PluginId,
    /// Since when, by RFC 3339.
    pub since: String,
    /// What it is doing: `unpacking`, `pulling`, `sending` or `building`; null before
    /// its first stage.
    pub stage: Option<&'static str>,
    /// What it said last in words, such as why a pull is tried again; null while it said nothing.
    pub step: Option<String>,
}

impl From<InstallProgress> for InstallingView {
    fn from(installing: InstallProgress) -> Self {
        Self {
            plugin: installing.plugin,
            since: rfc3339(installing.since),
            stage: installing.stage.map(|stage| stage.as_str()),
            step: installing.step,
        }
    }
}
