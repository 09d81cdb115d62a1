use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use hap_plugin::{Context, Plugin, Reply, Result, schemars::JsonSchema};
use serde::{Deserialize, Serialize};

/// The time between two strokes.
const PAUSE: Duration = Duration::from_millis(400);

/// A bell. A real one would strike where this one only counts.
#[derive(Debug, Default)]
pub struct Bell {
    rung: AtomicU64,
}

/// What it can be told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    tag = "command",
    content = "params",
    rename_all = "snake_case",
    deny_unknown_fields
)]
#[schemars(crate = "hap_plugin::schemars")]
pub enum Command {
    /// Ring.
    Ring {
        /// How often.
        #[serde(default = "once")]
        #[schemars(range(min = 1, max = 10))]
        times: u8,
    },
    /// Count from 0 again.
    Reset,
}

fn once() -> u8 {
    1
}

/// Its settings.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(crate = "hap_plugin::schemars")]
pub struct Config {
    /// How loud it rings, in percent.
    #[schemars(range(max = 100))]
    volume: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self { volume: 50 }
    }
}

/// What it shows of itself.
#[derive(Debug, Serialize, Deserialize, PartialEq, JsonSchema)]
#[schemars(crate = "hap_plugin::schemars")]
pub struct Status {
    /// How often it rang.
    rung: u64,
    /// How loud it rings, in percent.
    volume: u8,
}

/// The data of the event `bell.rung`.
#[derive(Debug, Serialize)]
struct Rung {
    times: u8,
    volume: u8,
}

impl Plugin for Bell {
    type Config = Config;
    type Command = Command;
    type Status = Status;

    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    async fn command(&self, cx: &Context, command: Command) -> Result<Reply> {
        match command {
            Command::Ring { times } => {
                for stroke in 0..times {
                    if stroke > 0 {
                        tokio::time::sleep(PAUSE).await;
                    }
                    // Here the bell is struck.
                }
                self.rung.fetch_add(times.into(), Ordering::Relaxed);
                let volume = cx.config::<Self>()?.volume;
                cx.emit("bell.rung", &Rung { times, volume }).await?;
                Ok(Reply::text(match times {
                    1 => "rang once".to_owned(),
                    _ => format!("rang {times} times"),
                }))
            }
            Command::Reset => {
                self.rung.store(0, Ordering::Relaxed);
                Ok(Reply::text("counting from 0"))
            }
        }
    }

    async fn status(&self, cx: &Context) -> Result<Status> {
        Ok(Status {
            rung: self.rung.load(Ordering::Relaxed),
            volume: cx.config::<Self>()?.volume,
        })
    }
}

#[cfg(test)]
mod tests {
    use hap_plugin::{
        serde_json::json,
        testing::{TestPlugin, assert_manifest},
    };

    use super::*;

    async fn status(bell: &TestPlugin) -> Status {
        bell.status().await.assert_success().data()
    }

    #[tokio::test(start_paused = true)]
    async fn a_ring_is_counted_and_told_to_the_platform() {
        let bell = TestPlugin::start(Bell::default()).await.unwrap();
        bell.configure(json!({"volume": 30})).await.assert_success();
        let reply = bell.command("ring", json!({"times": 2})).await;
        assert_eq!(reply.assert_success().result(), "rang 2 times");
        bell.command("ring", json!({})).await.assert_success();
        let rung = bell.platform().event("bell.rung").await;
        assert_eq!(rung.data, json!({"times": 2, "volume": 30}));
        let volume = 30;
        assert_eq!(status(&bell).await, Status { rung: 3, volume });
        bell.command("reset", json!({})).await.assert_success();
        assert_eq!(status(&bell).await, Status { rung: 0, volume });
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_fit_is_refused_and_changes_nothing() {
        let bell = TestPlugin::start(Bell::default()).await.unwrap();
        for params in [
            json!({"times": 0}),
            json!({"times": "often"}),
            json!({"time": 1}),
        ] {
            let refused = bell.command("ring", params).await;
            refused.assert_error("invalid_params");
        }
        for settings in [json!({"volume": 101}), json!({"loudness": 3})] {
            let refused = bell.configure(settings).await;
            refused.assert_error("invalid_config");
        }
        let (rung, volume) = (0, 50);
        assert_eq!(status(&bell).await, Status { rung, volume });
    }

    /// `UPDATE_SCHEMAS=1 cargo test` writes the settings into the manifest.
    #[test]
    fn the_manifest_is_that_of_the_program() {
        let manifest = assert_manifest::<Bell>("manifest.json");
        assert_eq!(manifest.version().to_string(), env!("CARGO_PKG_VERSION"));
    }
}
