//! The configuration in a [`Context`], by the type of the plugin.

use std::sync::Arc;

use crate::api::context::Context;
use crate::api::plugin::Plugin;
use crate::config::{ConfigChanges, typed};
use crate::error::Result;

impl Context {
    /// The configuration in force, of the plugin type given: `cx.config::<Self>()?` within its
    /// methods.
    ///
    /// Within a request it is the one that was in force when the request began, whole and however
    /// often it is asked for, so that a command never acts by half a change. Outside of one it is
    /// the latest. Reading takes no lock.
    ///
    /// In [`Plugin::start`] it is what the process begins with, before [`Plugin::configure`] has
    /// judged it; in `configure` it is still the old one.
    ///
    /// ```
    /// use std::sync::Arc;
    /// # use hap_plugin::{Context, NoStatus, Plugin, Reply, Result};
    /// # #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// # #[serde(tag = "command", content = "params", rename_all = "snake_case")]
    /// # enum Command { Ring }
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Config {
    ///     #[serde(default)]
    ///     volume: u8,
    /// }
    ///
    /// struct Bell;
    ///
    /// impl Plugin for Bell {
    ///     type Config = Config;
    /// #     type Command = Command;
    /// #     type Status = NoStatus;
    ///     async fn command(&self, cx: &Context, _: Command) -> Result<Reply> {
    ///         let config: Arc<Config> = cx.config::<Self>()?;
    ///         Ok(Reply::text(format!("rang at {} %", config.volume)))
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// Code `not_configured` when the configuration has fields without a default and none came yet;
    /// a command that passes it on with `?` tells its caller to send one. Code `internal` when the
    /// type is not that of the plugin that runs.
    pub fn config<P: Plugin>(&self) -> Result<Arc<P::Config>> {
        typed(self.held_config())
    }

    /// Returns what tells a background task when the configuration changes. [`ConfigChanges`] has an
    /// example.
    #[must_use]
    pub fn config_changes<P: Plugin>(&self) -> ConfigChanges<P::Config> {
        self.changes()
    }
}
