//! [`Event`], what the platform is told without being asked.

use serde::Serialize;

use crate::Celsius;

/// Something that happened to the room; each has its type on the wire.
#[derive(Debug, Serialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum Event {
    /// The sensor does not answer any more, and the heating is off.
    #[serde(rename = "sensor.lost")]
    SensorLost,
    /// The sensor answers again.
    #[serde(rename = "sensor.back")]
    SensorBack,
    /// The heating was switched.
    #[serde(rename = "thermostat.heating")]
    Heating {
        /// Whether it is on now.
        on: bool,
        /// How warm it is, in °C.
        temperature: f64,
        /// How warm it is to be.
        target: Celsius,
    },
}
