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
//! let reply = bell.command("ring", json!({"times": 3})).await.succeeded();
//! assert_eq!(reply.result(), "rang 3 times");
//! bell.command("ring", json!({"times": "often"})).await.refused_with("invalid_params");
//!
//! let event = bell.platform().event("bell.rung").await;
//! assert_eq!(event.data["times"], 3);
//! bell.stop().await;
//! # }
//! ```

mod platform;
mod plugin;
mod reply;
mod schemas;
#[cfg(test)]
mod tests;

pub use platform::TestPlatform;
pub use plugin::{TestPlugin, TestPluginBuilder};
pub use reply::TestReply;
pub use schemas::assert_schemas;
