//! [`Room`], and one that is simulated.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use hap_plugin::Result;
use tokio::time::Instant;

/// A room with a sensor and a heater. Write one for your device; the thermostat gives each call five seconds.
pub trait Room: Send + Sync + 'static {
    /// Asks the sensor, in °C.
    fn temperature(&self) -> impl Future<Output = Result<f64>> + Send;

    /// Switches the heater.
    fn heat(&self, on: bool) -> impl Future<Output = Result<()>> + Send;
}

/// What it is without heating, in °C.
const OUTSIDE: f64 = 8.0;
/// What the heater adds in the long run, in °C.
const HEATER: f64 = 25.0;
/// Seconds in which two thirds of a difference are gone.
const INERTIA: f64 = 1800.0;

/// A room that loses its warmth to the outside, and gains it from the heater.
#[derive(Debug)]
pub struct SimulatedRoom(Mutex<Air>);

#[derive(Debug)]
struct Air {
    temperature: f64,
    heated: bool,
    seen: Instant,
}

impl SimulatedRoom {
    /// A room of 15 °C whose heater is off.
    #[must_use]
    pub fn new() -> Self {
        Self(Mutex::new(Air {
            temperature: 15.0,
            heated: false,
            seen: Instant::now(),
        }))
    }

    /// Lets the time pass that has passed since the last look.
    fn look<T>(&self, act: impl FnOnce(&mut Air) -> T) -> T {
        let mut air = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = air.seen.elapsed().as_secs_f64();
        let goal = if air.heated { OUTSIDE + HEATER } else { OUTSIDE };
        air.temperature = goal + (air.temperature - goal) * (-passed / INERTIA).exp();
        air.seen = Instant::now();
        act(&mut air)
    }
}

impl Default for SimulatedRoom {
    /// As [`new`](Self::new).
    fn default() -> Self {
        Self::new()
    }
}

impl Room for SimulatedRoom {
    async fn temperature(&self) -> Result<f64> {
        Ok(self.look(|air| air.temperature))
    }

    async fn heat(&self, on: bool) -> Result<()> {
        self.look(|air| air.heated = on);
        Ok(())
    }
}
