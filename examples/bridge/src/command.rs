//! [`Command`].

use hap_plugin::schemars::{self, JsonSchema};
use hap_plugin::serde_json::Value;
use serde::Deserialize;

/// What the bridge can be told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "it is the whole of this program's API")]
pub enum Command {
    /// Send a message to the broker, at least once.
    Publish {
        /// Where to, such as `home/lamp/set`; no wildcards.
        topic: String,
        /// A string is sent as it is, everything else as JSON.
        payload: Value,
        /// Whether the broker hands it to later subscribers too.
        #[serde(default)]
        retain: bool,
    },
}
