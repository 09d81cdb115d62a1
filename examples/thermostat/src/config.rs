//! [`Config`].

use std::time::Duration;

use hap_plugin::schemars::{self, JsonSchema};
use serde::{Deserialize, Serialize};

/// How the thermostat works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// How often the sensor is asked, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub poll_interval_s: u16,
    /// How far below the target the room may get before it is heated, and how far above before heating ends, in °C.
    #[schemars(range(min = 0.1, max = 5.0))]
    pub hysteresis: f64,
}

impl Default for Config {
    /// Every ten seconds, half a degree.
    fn default() -> Self {
        Self {
            poll_interval_s: 10,
            hysteresis: 0.5,
        }
    }
}

impl Config {
    /// The pause between two questions.
    pub(crate) fn poll_interval(&self) -> Duration {
        Duration::from_secs(self.poll_interval_s.into())
    }
}
