use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a [`Policy`](super::Policy) says to one kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Access {
    /// Every plugin that asks for it has it.
    Allowed,
    /// A plugin has it when it was granted, with its installation or later.
    ByGrant,
    /// No plugin has it, granted or not.
    Denied,
}
