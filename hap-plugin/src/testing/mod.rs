//! A plugin under test: driven through its real routes, in memory, without a socket or a container.
//!
//! ```
//! use hap_plugin::testing::TestPlugin;
//! use hap_plugin::{Context, NoConfig, NoStatus, Plugin, Reply, Result};
//! use serde_json::json;
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! #[serde(tag = "command", content = "params", rename_all = "snake_case")]
//! enum Command {
//!     Ring { times: u8 },
//! }
//!
//! struct Bell;
//!
//! impl Plugin for Bell {
//!     type Config = NoConfig;
//!     type Command = Command;
//!     type Status = NoStatus;
//!
//!     async fn command(&self, cx: &Context, Command::Ring { times }: Command) -> Result<Reply> {
//!         cx.emit("bell.rung", &json!({"times": times})).await?;
//!         Ok(Reply::text(format!("rang {times} times")))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! // In a `#[tokio::test(start_paused = true)]`, in which waiting takes no time:
//! let bell = TestPlugin::start(Bell).await.unwrap();
//! let reply = bell.command("ring", json!({"times": 3})).await.assert_success();
//! assert_eq!(reply.result(), "rang 3 times");
//! bell.command("ring", json!({"times": "often"})).await.assert_error("invalid_params");
//!
//! let event = bell.platform().event("bell.rung").await;
//! assert_eq!(event.data["times"], 3);
//! bell.stop().await;
//! # }
//! ```
//!
//! [`TestPlatform`] can be away, refuse, be slow or lose its answers. [`TestPlugin::restart`] and
//! [`TestPlugin::crash_and_restart`] show what a plugin keeps:
//!
//! ```
//! # use hap_plugin::testing::TestPlugin;
//! # use hap_plugin::{Context, NoCommand, NoStatus, Plugin, Reply, Result};
//! # use serde_json::json;
//! # #[derive(serde::Deserialize, schemars::JsonSchema)]
//! # struct Config { volume: u8 }
//! # struct Bell;
//! # impl Plugin for Bell {
//! #     type Config = Config;
//! #     type Command = hap_plugin::wire::CommandRequest;
//! #     type Status = NoStatus;
//! #     async fn command(&self, cx: &Context, _: hap_plugin::wire::CommandRequest) -> Result<Reply> {
//! #         cx.emit("bell.rung", &()).await?;
//! #         Ok(Reply::text(format!("rang at {} %", cx.config::<Self>()?.volume)))
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let bell = TestPlugin::builder().temporary_data_dir().start(Bell).await.unwrap();
//! bell.configure(json!({"volume": 30})).await.assert_success();
//! bell.platform().set_unreachable();
//! bell.command("ring", ()).await.assert_success();
//!
//! // Neither the settings nor the event are lost.
//! let bell = bell.crash_and_restart(Bell).await.unwrap();
//! assert_eq!(bell.command("ring", ()).await.result(), "rang at 30 %");
//! bell.platform().reset();
//! assert_eq!(bell.events().await.len(), 2);
//! # }
//! ```
//!
//! [`assert_schemas`] and [`assert_manifest`] keep files under version control in line with the
//! program.

mod builder;
mod difference;
mod manifest;
mod plugin;
mod reply;
mod schemas;
#[cfg(test)]
mod tests;

pub use builder::TestPluginBuilder;
pub use manifest::assert_manifest;
pub use plugin::TestPlugin;
pub use reply::TestReply;
pub use schemas::assert_schemas;

pub use crate::settings::TestPlatform;
