//! [`Status`].

use hap_plugin::schemars::{self, JsonSchema};
use serde::{Deserialize, Serialize};

use crate::Celsius;

/// What the thermostat shows of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Status {
    /// What the room is kept at, in °C.
    pub target: Celsius,
    /// What the sensor said last, in °C; null while it does not answer.
    pub temperature: Option<f64>,
    /// Whether the room is being heated.
    pub heating: bool,
}
