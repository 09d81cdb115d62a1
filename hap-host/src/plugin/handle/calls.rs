//! What a [`PluginHandle`] says to its plugin. It goes straight there, never behind a restart or an
//! engine operation.

use std::sync::Arc;

use hap_manifest::wire::{CommandRequest, CommandResponse, ConfigAck, StatusReport};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::{PluginHandle, plugin_call::PluginCall};
use crate::{
    error::{Error, ErrorKind},
    protocol::client::options::CallOptions,
};

impl PluginHandle {
    /// Sends a command, and returns the plugin's answer. `params` is anything that serialises to
    /// JSON.
    ///
    /// It goes straight to the plugin: a restart or a slow engine operation of another plugin never
    /// delays it. It is sent once, unless it gets an
    /// [idempotency key](PluginCall::idempotency_key).
    ///
    /// ```
    /// # async fn run(light: hap_host::PluginHandle) -> Result<(), hap_host::Error> {
    /// use serde_json::json;
    ///
    /// let answer = light.command("set_brightness", json!({"level": 40})).await?;
    /// println!("{}", answer.result);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotRunning`], [`ErrorKind::Unreachable`] and [`ErrorKind::Busy`] (64 calls to
    /// it are under way): it was not delivered. [`ErrorKind::Rejected`]: the plugin refused it, see
    /// [`Error::wire`]. [`ErrorKind::Timeout`] (30 s, see [`PluginCall::timeout`]) and
    /// [`ErrorKind::Interrupted`]: it may have been carried out. [`ErrorKind::InvalidReply`]: the
    /// plugin answered, but not by the protocol. [`ErrorKind::InvalidInput`]: it is larger than
    /// 1 MiB or no JSON.
    ///
    /// # Cancel safety
    /// When the future is dropped, the command may have been delivered.
    pub fn command(&self, name: &str, params: impl Serialize) -> PluginCall<CommandResponse> {
        self.call(to_value(params).map(|params| CommandRequest::new(name).with_params(params)))
    }

    /// Sends a command of the plugin's own type: an enum with
    /// `#[serde(tag = "command", content = "params")]`, or a
    /// [`CommandRequest`](hap_manifest::wire::CommandRequest).
    ///
    /// ```
    /// # async fn run(light: hap_host::PluginHandle) -> Result<(), hap_host::Error> {
    /// #[derive(serde::Serialize)]
    /// #[serde(tag = "command", content = "params", rename_all = "snake_case")]
    /// enum Command {
    ///     TurnOn,
    ///     SetBrightness { level: u8 },
    /// }
    ///
    /// light.command_typed(Command::TurnOn).await?;
    /// let set = light.command_typed(Command::SetBrightness { level: 40 });
    /// let sentence: String = set.result_as().await?;
    /// println!("{sentence}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`command`](Self::command).
    ///
    /// # Cancel safety
    /// As [`command`](Self::command).
    pub fn command_typed(&self, command: impl Serialize) -> PluginCall<CommandResponse> {
        let request = to_value(command).and_then(|command| {
            serde_json::from_value(command).map_err(|error| {
                let message = "the command does not serialise to an object with a `command`: give its enum \
                               #[serde(tag = \"command\", content = \"params\", rename_all = \"snake_case\")]";
                Error::new(ErrorKind::InvalidInput, message).with_source(error)
            })
        });
        self.call(request)
    }

    fn call(&self, request: Result<CommandRequest, Error>) -> PluginCall<CommandResponse> {
        PluginCall::new(self, "command", async move |handle, options| {
            let request = request?;
            let manifest = handle.manifest();
            let path = manifest.command_endpoint().as_str();
            let sent = async {
                let _permit = handle.cell().gate.enter(handle.id())?;
                handle.client()?.command(path, &request, &options).await
            };
            handle.counted("command", sent).await
        })
    }

    /// Gives the plugin its settings. They are kept on disk before they are sent, and sent again
    /// after each start until the plugin has or refuses them;
    /// [`PluginState::config`](crate::model::state::PluginState::config) tells how far they are.
    /// Settings that the plugin refuses here are forgotten, and the earlier ones kept. Kept settings
    /// that it refuses after a later start stay kept: `PluginState::config` says `refused`.
    ///
    /// A secret setting whose value is `[REDACTED]`, as [`config`](Self::config) shows it,
    /// stays as it is.
    ///
    /// # Errors
    /// [`ErrorKind::Rejected`]: refused, nothing has changed; unless its [status](Error::http_status)
    /// is one of "not now" (408, 425, 429, 502 to 504): kept, and sent again. [`ErrorKind::NotRunning`],
    /// [`ErrorKind::Unreachable`], [`ErrorKind::Interrupted`], [`ErrorKind::Timeout`]: kept, and
    /// delivered when the plugin is healthy again. [`ErrorKind::InvalidInput`] (no object, larger
    /// than 1 MiB), [`ErrorKind::Busy`] and [`ErrorKind::Store`]: nothing has changed.
    ///
    /// # Cancel safety
    /// Once begun it goes on when the future is dropped.
    pub fn configure(&self, config: impl Serialize) -> PluginCall<ConfigAck> {
        let config = to_value(config);
        PluginCall::new(self, "config", async move |handle, options| {
            let configuring = handle.configure_beside(config?, options);
            handle.counted("config", configuring).await
        })
    }

    /// Beside the caller: half of it done, the disk and the memory would tell different settings.
    async fn configure_beside(&self, config: Value, options: CallOptions) -> Result<ConfigAck, Error> {
        let cell = self.cell();
        let permit = cell.gate.enter(self.id())?;
        let (desk, store, client) = (Arc::clone(&cell.config), cell.shared.store.clone(), self.client());
        let ended = || Error::new(ErrorKind::ShuttingDown, "the supervisor shuts down");
        let cancel = cell.shared.cancel.clone();
        let configuring = async move {
            let _permit = permit;
            let done = desk.configure(&store, config, client, &options);
            cancel
                .run_until_cancelled(done)
                .await
                .unwrap_or_else(|| Err(ended()))
        };
        let task = cell.shared.tasks.spawn(configuring.in_current_span());
        task.await.unwrap_or_else(|_| Err(ended()))
    }

    /// The settings that are kept for the plugin; `None` when it has none. A secret that is set
    /// shows as `[REDACTED]`.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] when another call is still configuring the plugin after 30 s.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn config(&self) -> Result<Option<Value>, Error> {
        self.cell().config.shown().await
    }

    /// Asks the plugin for its status.
    ///
    /// # Errors
    /// As [`command`](Self::command).
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub fn status(&self) -> PluginCall<StatusReport> {
        PluginCall::new(self, "status", async |handle, options| {
            let manifest = handle.manifest();
            let path = manifest.status_endpoint().as_str();
            let asked = async {
                let _permit = handle.cell().gate.enter(handle.id())?;
                handle.client()?.status(path, &options).await
            };
            handle.counted("status", asked).await
        })
    }

    /// Reads what a plugin answered. What it says of a value that does not fit may hold a secret.
    pub(super) fn read<R: DeserializeOwned>(&self, what: &str, value: Value) -> Result<R, Error> {
        serde_json::from_value(value).map_err(|error| {
            let message = format!("{what} is not what was expected: {error}");
            let error = Error::new(ErrorKind::InvalidReply, message).with_plugin(self.id());
            error.redacted(&self.cell().config.redactor())
        })
    }

    /// Counts a call and its outcome, and takes the plugin's secrets out of its refusal.
    async fn counted<T>(
        &self,
        call: &'static str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let (cell, started) = (self.cell(), Instant::now());
        let result = work.await;
        let outcome = match &result {
            Ok(_) => "ok",
            Err(error) => error.kind().as_str(),
        };
        cell.counters.calls.add((call, outcome));
        cell.shared.metrics.called(call, started.elapsed());
        result.map_err(|error| error.redacted(&cell.config.redactor()))
    }
}

fn to_value(value: impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|error| {
        Error::new(ErrorKind::InvalidInput, "the value cannot be written as JSON").with_source(error)
    })
}
