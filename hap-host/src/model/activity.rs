//! What is going on with a plugin: who holds it, and since when.

use std::fmt;
use std::time::SystemTime;

use hap_manifest::PluginId;
use serde::Serialize;

use crate::engine::progress::Stage;

/// What is going on with a plugin at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Activity {
    /// The operation on the engine that is under way. There is at most one; what is wanted
    /// meanwhile is done after it.
    pub operation: Option<EngineOperation>,
    /// The calls of this process that wait for the plugin to come to what they want,
    /// the oldest first.
    pub calls: Vec<PendingCall>,
}

/// An operation on the engine that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EngineOperation {
    /// What it does.
    pub kind: OperationKind,
    /// Since when, by the host's clock. An engine that hangs shows here: it is given up after its
    /// deadline, 30 s and for a stop the plugin's grace on top, and tried again.
    #[serde(with = "hap_manifest::rfc3339")]
    pub since: SystemTime,
}

/// What an [`EngineOperation`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OperationKind {
    /// Inspects the container.
    #[serde(rename = "look")]
    Inspect,
    /// Makes the container. The only one that is given up when the plugin shall not run after all.
    Create,
    /// Changes the container's limits in place.
    SetLimits,
    /// Starts the container.
    Start,
    /// Stops the container.
    Stop,
    /// Removes the container.
    Remove,
    /// Removes the plugin's volumes.
    RemoveData,
}

impl OperationKind {
    /// The name as it is serialised, such as `remove_data`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inspect => "look",
            Self::Create => "create",
            Self::SetLimits => "set_limits",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Remove => "remove",
            Self::RemoveData => "remove_data",
        }
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl EngineOperation {
    /// One that begins now.
    pub(crate) fn begins(kind: OperationKind) -> Self {
        Self {
            kind,
            since: SystemTime::now(),
        }
    }
}

/// A call that waits for a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PendingCall {
    /// The method's name, such as `start`.
    pub name: &'static str,
    /// Since when, by the host's clock.
    #[serde(with = "hap_manifest::rfc3339")]
    pub since: SystemTime,
}

/// An installation that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstallProgress {
    /// The plugin.
    pub plugin: PluginId,
    /// Since when, by the host's clock.
    pub since: SystemTime,
    /// What it is doing; `None` before its first stage.
    pub stage: Option<Stage>,
    /// What it said last in words, such as why a pull is tried again; `None` while it said nothing.
    pub step: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_has_one_name_everywhere() {
        for kind in [
            OperationKind::Inspect,
            OperationKind::Create,
            OperationKind::SetLimits,
            OperationKind::Start,
            OperationKind::Stop,
            OperationKind::Remove,
            OperationKind::RemoveData,
        ] {
            assert_eq!(kind.to_string(), kind.as_str());
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
