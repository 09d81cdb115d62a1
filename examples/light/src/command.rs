//! [`Command`].

use hap_plugin::schemars::{self, JsonSchema};
use serde::Deserialize;

use crate::Percent;

/// What the light can be told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "it is the whole of this program's API")]
pub enum Command {
    /// Shine at the last brightness; at first, at the configured one.
    TurnOn,
    /// Go dark.
    TurnOff,
    /// Shine at this brightness; 0 goes dark.
    SetBrightness {
        /// The brightness.
        level: Percent,
    },
}
