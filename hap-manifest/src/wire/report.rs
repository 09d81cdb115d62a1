//! [`HealthReport`], [`StatusReport`] and [`ConfigAck`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::object::{Map, empty_object, yes};

/// A plugin's answer to `GET /health`.
///
/// Any 2xx answer means healthy, even without a body that reads as this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct HealthReport {
    /// One word, such as `healthy`, `degraded`, `unhealthy` or `starting`; `healthy` when absent.
    #[serde(default = "healthy")]
    pub status: String,
    /// The plugin that answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin_id: Option<String>,
    /// Why it is not healthy, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Fields of the object that this version does not know.
    #[serde(flatten)]
    pub extra: Map,
}

fn healthy() -> String {
    "healthy".to_owned()
}

/// What the word in a [`HealthReport`] means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HealthStatus {
    /// `healthy`, `ok`, `up` or `running`: all is well.
    Healthy,
    /// `degraded` or `warning`: it works in part.
    Degraded,
    /// `unhealthy`, `error`, `failed` or `down`: it does not work.
    Unhealthy,
    /// `starting` or `initializing`: not yet.
    Starting,
    /// Any other word.
    Unknown,
}

impl HealthReport {
    /// Creates the report of a healthy plugin.
    #[must_use]
    pub fn healthy(plugin_id: impl AsRef<str>) -> Self {
        Self::new(healthy(), plugin_id)
    }

    /// Creates the report of a plugin in the state of this word.
    #[must_use]
    pub fn new(status: impl Into<String>, plugin_id: impl AsRef<str>) -> Self {
        Self {
            status: status.into(),
            plugin_id: Some(plugin_id.as_ref().to_owned()),
            message: None,
            extra: Map::new(),
        }
    }

    /// Returns the same report with a reason for people.
    #[must_use]
    pub fn with_message(self, message: impl Into<String>) -> Self {
        Self {
            message: Some(message.into()),
            ..self
        }
    }

    /// Returns what the word means, in any case of letters.
    #[must_use]
    pub fn status_kind(&self) -> HealthStatus {
        match self.status.to_ascii_lowercase().as_str() {
            "healthy" | "ok" | "up" | "running" => HealthStatus::Healthy,
            "degraded" | "warning" => HealthStatus::Degraded,
            "unhealthy" | "error" | "failed" | "down" => HealthStatus::Unhealthy,
            "starting" | "initializing" => HealthStatus::Starting,
            _ => HealthStatus::Unknown,
        }
    }
}

/// A plugin's answer to `GET /status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct StatusReport {
    /// The plugin that answers.
    #[serde(default)]
    pub plugin_id: String,
    /// One word, such as `running`; `unknown` when absent.
    #[serde(default = "unknown")]
    pub status: String,
    /// The plugin's own state; `{}` when absent.
    #[serde(default = "empty_object")]
    pub data: Value,
    /// Fields of the object that this version does not know.
    #[serde(flatten)]
    pub extra: Map,
}

fn unknown() -> String {
    "unknown".to_owned()
}

impl StatusReport {
    /// Creates a report with this word and data.
    #[must_use]
    pub fn new(plugin_id: impl AsRef<str>, status: impl Into<String>, data: Value) -> Self {
        Self {
            plugin_id: plugin_id.as_ref().to_owned(),
            status: status.into(),
            data,
            extra: Map::new(),
        }
    }
}

/// A plugin's answer to `POST /config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ConfigAck {
    /// Whether the configuration is in force; true when absent.
    #[serde(default = "yes")]
    pub success: bool,
    /// What happened, for people.
    #[serde(default)]
    pub message: String,
    /// Fields of the object that this version does not know.
    #[serde(flatten)]
    pub extra: Map,
}

impl ConfigAck {
    /// Creates a success with this text.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            success: true,
            message: message.into(),
            extra: Map::new(),
        }
    }
}

impl Default for ConfigAck {
    fn default() -> Self {
        Self::new("Configuration updated")
    }
}
