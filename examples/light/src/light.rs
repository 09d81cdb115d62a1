//! [`Light`].

use std::sync::{Mutex, MutexGuard, PoisonError};

use hap_plugin::{Context, Plugin, Reply, Result};
use serde::Serialize;

use crate::{Command, Config, Percent, Status};

/// The light. A real one would drive a lamp where this one changes a value.
#[derive(Debug, Default)]
pub struct Light {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    on: bool,
    // `None` until a brightness is chosen: the configured one then holds.
    brightness: Option<Percent>,
    config: Config,
}

/// The data of the event `light.changed`.
#[derive(Debug, Serialize)]
struct Changed {
    on: bool,
    brightness: Percent,
    transition_ms: u32,
}

impl Light {
    // Held only to read or change values, never across an await.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the light and tells the platform, unless it already was as asked for.
    async fn change(&self, cx: &Context, change: impl FnOnce(&mut State)) -> Result<()> {
        let changed = {
            let mut state = self.state();
            let before = (state.on, state.brightness());
            change(&mut state);
            let now = (state.on, state.brightness());
            (before != now).then(|| Changed {
                on: now.0,
                brightness: now.1,
                transition_ms: state.config.transition_ms,
            })
        };
        if let Some(changed) = changed {
            cx.emit("light.changed", &changed).await?;
        }
        Ok(())
    }
}

impl State {
    fn brightness(&self) -> Percent {
        self.brightness.unwrap_or(self.config.default_brightness)
    }
}

impl Plugin for Light {
    type Config = Config;
    type Command = Command;
    type Status = Status;

    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    async fn command(&self, cx: &Context, command: Command) -> Result<Reply> {
        match command {
            Command::TurnOn => {
                self.change(cx, |state| state.on = true).await?;
                let brightness = self.state().brightness().get();
                Ok(Reply::text(format!("the light is on at {brightness} %"))
                    .with_data("brightness", brightness))
            }
            Command::TurnOff => {
                self.change(cx, |state| state.on = false).await?;
                Ok(Reply::text("the light is off"))
            }
            Command::SetBrightness { level } => {
                let on = level > Percent::ZERO;
                let set = |state: &mut State| {
                    state.on = on;
                    // After going dark this way, `turn_on` shines as before.
                    state.brightness = if on { Some(level) } else { state.brightness };
                };
                self.change(cx, set).await?;
                let level = level.get();
                Ok(Reply::text(format!("the brightness is {level} %")).with_data("brightness", level))
            }
        }
    }

    async fn status(&self, _: &Context) -> Result<Status> {
        let state = self.state();
        Ok(Status {
            on: state.on,
            brightness: state.brightness(),
            config: state.config.clone(),
        })
    }

    async fn configure(&self, cx: &Context, config: Config) -> Result<()> {
        self.change(cx, |state| state.config = config).await
    }
}
