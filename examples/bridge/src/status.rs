//! [`Status`].

use hap_plugin::schemars::{self, JsonSchema};
use serde::{Deserialize, Serialize};

/// What the bridge shows of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Status {
    /// Whether the broker is connected.
    pub connected: bool,
    /// Why it is not, where that is known.
    pub problem: Option<String>,
    /// Messages that became events, since the start.
    pub received: u64,
    /// Messages that were given to the connection, since the start.
    pub published: u64,
}
