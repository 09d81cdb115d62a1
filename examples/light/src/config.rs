//! [`Config`].

use hap_plugin::schemars::{self, JsonSchema};
use serde::{Deserialize, Serialize};

use crate::Percent;

/// How the light behaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Brightness of the first `turn_on`, in percent.
    pub default_brightness: Percent,
    /// How long a change takes, in milliseconds.
    #[schemars(range(max = 10_000))]
    pub transition_ms: u32,
}

impl Default for Config {
    /// Full brightness, within 300 ms.
    fn default() -> Self {
        Self {
            default_brightness: Percent::FULL,
            transition_ms: 300,
        }
    }
}
