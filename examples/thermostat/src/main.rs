//! The thermostat as a program of its own, in a room that is simulated.

use std::process::ExitCode;

use thermostat::{SimulatedRoom, Thermostat};

#[tokio::main]
async fn main() -> ExitCode {
    hap_plugin::run(Thermostat::new(SimulatedRoom::new())).await
}
