use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::desired::Desired;

/// What is wanted of a plugin.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantedState {
    /// `running` or `stopped`.
    pub desired: DesiredState,
}

/// What may be wanted of a plugin that stays installed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
#[non_exhaustive]
pub enum DesiredState {
    /// It shall run.
    Running,
    /// It shall not run.
    Stopped,
}

impl From<DesiredState> for Desired {
    fn from(state: DesiredState) -> Self {
        match state {
            DesiredState::Running => Self::Running,
            DesiredState::Stopped => Self::Stopped,
        }
    }
}

/// What a plugin is granted, in place of what it was granted before.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantedGrants {
    /// Permissions by their short names, such as `network` and `device:/dev/ttyUSB0`. What the
    /// manifest does not ask for is left out.
    pub grants: Vec<String>,
}

/// An empty object: the call needs nothing more.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}
