//! [`Command`].

use hap_plugin::schemars::{self, JsonSchema};
use serde::{Deserialize, Serialize};

/// What the thermostat can be told.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "it is the whole of this program's API")]
pub enum Command {
    /// Keep the room at this temperature.
    SetTarget {
        /// The temperature.
        celsius: Celsius,
    },
}

/// A temperature from 5 to 30 °C.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "f64")]
#[schemars(extend("minimum" = 5, "maximum" = 30))]
pub struct Celsius(f64);

impl Celsius {
    /// What a room is kept at when nobody has said anything.
    pub const USUAL: Self = Self(20.0);

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Celsius {
    type Error = String;

    fn try_from(degrees: f64) -> Result<Self, String> {
        if (5.0..=30.0).contains(&degrees) {
            Ok(Self(degrees))
        } else {
            Err(format!("{degrees} is not from 5 to 30 °C"))
        }
    }
}
