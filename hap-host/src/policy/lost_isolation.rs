use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What becomes of plugins when it is measured that they reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LostIsolation {
    /// They go on. It is told: as an event, in the log, in health and metrics.
    Tell,
    /// It is told, and those that reach others, or are reached, are stopped. They start again when
    /// isolation is regained.
    StopPlugins,
}
