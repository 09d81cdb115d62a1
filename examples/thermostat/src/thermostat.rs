//! [`Thermostat`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hap_plugin::{Context, Fault, Health, Plugin, Reply, Result};
use tokio::time::{sleep, timeout};

use crate::event::Event;
use crate::{Celsius, Command, Config, Room, Status};

/// The file that keeps the target over a restart.
const TARGET: &str = "target.json";
/// Longest time for the device to answer.
const DEVICE_DEADLINE: Duration = Duration::from_secs(5);

/// Keeps a room at its target.
#[derive(Debug)]
pub struct Thermostat<R> {
    shared: Arc<Shared<R>>,
}

#[derive(Debug)]
struct Shared<R> {
    room: R,
    // Held only to read or change values, never across an await.
    state: Mutex<State>,
    // One change of the target at a time, so that what is in force is what is on the disk.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    target: Celsius,
    temperature: Option<f64>,
    heating: bool,
    lost: bool,
}

impl<R: Room> Thermostat<R> {
    /// A thermostat for this room.
    pub fn new(room: R) -> Self {
        let state = State {
            target: Celsius::USUAL,
            temperature: None,
            heating: false,
            lost: false,
        };
        Self {
            shared: Arc::new(Shared {
                room,
                state: Mutex::new(state),
                turn: tokio::sync::Mutex::default(),
            }),
        }
    }
}

impl<R: Room> Shared<R> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the room again and again, until the plugin stops.
    async fn keep_warm(self: Arc<Self>, cx: Context) {
        let stop = cx.shutdown_token();
        loop {
            // Not an error of the task: the next look may succeed.
            if let Err(fault) = self.look(&cx).await {
                tracing::warn!("the room could not be looked after: {fault:?}");
            }
            let config = cx.config::<Thermostat<R>>().unwrap_or_default();
            if stop
                .run_until_cancelled(sleep(config.poll_interval()))
                .await
                .is_none()
            {
                return;
            }
        }
    }

    async fn look(&self, cx: &Context) -> Result<()> {
        let asked = timeout(DEVICE_DEADLINE, self.room.temperature()).await;
        let Ok(Ok(temperature)) = asked else {
            return self.lose_sensor(cx).await;
        };
        let config = cx.config::<Thermostat<R>>()?;
        let (was_lost, before, target) = {
            let mut state = self.state();
            state.temperature = Some(temperature);
            (std::mem::take(&mut state.lost), state.heating, state.target)
        };
        if was_lost {
            cx.emit_event(&Event::SensorBack).await?;
        }
        let on = if before {
            temperature < target.get() + config.hysteresis
        } else {
            temperature < target.get() - config.hysteresis
        };
        if on == before {
            return Ok(());
        }
        self.heat(on).await?;
        cx.emit_event(&Event::Heating {
            on,
            temperature,
            target,
        })
        .await?;
        Ok(())
    }

    /// Does not heat a room of which nobody knows how warm it is.
    async fn lose_sensor(&self, cx: &Context) -> Result<()> {
        let was_lost = {
            let mut state = self.state();
            state.temperature = None;
            std::mem::replace(&mut state.lost, true)
        };
        self.heat(false).await?;
        if !was_lost {
            cx.emit_event(&Event::SensorLost).await?;
        }
        Ok(())
    }

    async fn heat(&self, on: bool) -> Result<()> {
        let answered = timeout(DEVICE_DEADLINE, self.room.heat(on)).await;
        answered.map_err(|_| Fault::unavailable("the heater does not answer"))??;
        self.state().heating = on;
        Ok(())
    }
}

impl<R: Room> Plugin for Thermostat<R> {
    type Config = Config;
    type Command = Command;
    type Status = Status;

    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    async fn start(&self, cx: &Context) -> Result<()> {
        if let Some(target) = cx.load(TARGET).await? {
            self.shared.state().target = target;
        }
        cx.spawn("keep warm", Arc::clone(&self.shared).keep_warm(cx.clone()));
        Ok(())
    }

    fn health(&self) -> Health {
        if self.shared.state().lost {
            // Not unhealthy: a restart of this program does not mend the sensor.
            Health::degraded("the sensor does not answer")
        } else {
            Health::healthy()
        }
    }

    async fn command(&self, cx: &Context, command: Command) -> Result<Reply> {
        let Command::SetTarget { celsius } = command;
        let _turn = self.shared.turn.lock().await;
        // On the disk first: what was promised survives a crash.
        cx.save(TARGET, &celsius).await?;
        self.shared.state().target = celsius;
        let degrees = celsius.get();
        Ok(Reply::text(format!("the room is kept at {degrees} °C")).with_data("celsius", degrees))
    }

    async fn status(&self, _: &Context) -> Result<Status> {
        let State {
            target,
            temperature,
            heating,
            ..
        } = *self.shared.state();
        Ok(Status {
            target,
            temperature,
            heating,
        })
    }

    async fn stop(&self, _: &Context) {
        if let Err(fault) = self.shared.heat(false).await {
            tracing::error!("the heater could not be switched off: {fault:?}");
        }
    }
}
