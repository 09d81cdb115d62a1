//! Keeps a room warm: an example of a plugin that polls a device in the background.
//!
//! It takes one command (`set_target`), keeps the target over a crash, and emits `thermostat.heating` when it begins or
//! ends to heat, and `sensor.lost` and `sensor.back` when the sensor stops or begins to answer.

mod command;
mod config;
mod event;
mod room;
mod status;
mod thermostat;

pub use command::{Celsius, Command};
pub use config::Config;
pub use room::{Room, SimulatedRoom};
pub use status::Status;
pub use thermostat::Thermostat;
