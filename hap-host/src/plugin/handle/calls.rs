//! What a [`PluginHandle`] says to its plugin. It goes straight there, never behind a restart or an
//! engine operation.

use std::sync::Arc;

use hap_manifest::wire::{CommandRequest, CommandResponse, ConfigAck, StatusReport};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::PluginHandle;
use crate::{
    error::{Error, ErrorKind},
    protocol::client::options::CallOptions,
};

impl PluginHandle {
    /// Sends a command and returns the plugin's answer. `params` is anything that
    /// serialises to JSON.
    ///
    /// It goes straight to the plugin: a restart or a slow engine operation of another plugin never
    /// delays it. It is sent once and never repeated; [`send`](Self::send) takes options.
    ///
    /// # Errors
    /// [`ErrorKind::NotRunning`], [`ErrorKind::Unreachable`] and [`ErrorKind::Busy`] (64 calls to
    /// it are under way): it was not delivered. [`ErrorKind::Rejected`]: the plugin refused it, see
    /// [`Error::wire`]. [`ErrorKind::Timeout`] (30 s) and [`ErrorKind::Interrupted`]: it may have
    /// been carried out. [`ErrorKind::InvalidReply`]: the plugin answered, but not by the protocol.
    /// [`ErrorKind::InvalidInput`]: it is larger than 1 MiB or no JSON.
    ///
    /// # Cancel safety
    /// When the future is dropped, the command may have been delivered.
    pub async fn command(&self, name: &str, params: impl Serialize) -> Result<CommandResponse, Error> {
        let request = CommandRequest::new(name).with_params(to_value(params)?);
        self.send(&request, CallOptions::default()).await
    }

    /// Sends a command of the plugin's own type: an enum with
    /// `#[serde(tag = "command", content = "params")]`.
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
    /// light.call(Command::TurnOn).await?;
    /// let answer = light.call(Command::SetBrightness { level: 40 }).await?;
    /// println!("{}", answer.result);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`command`](Self::command).
    ///
    /// # Cancel safety
    /// When the future is dropped, the command may have been delivered.
    pub async fn call(&self, command: impl Serialize) -> Result<CommandResponse, Error> {
        self.call_with(command, CallOptions::default()).await
    }

    /// As [`call`](Self::call), with options.
    ///
    /// # Errors
    /// As [`command`](Self::command).
    ///
    /// # Cancel safety
    /// When the future is dropped, the command may have been delivered.
    pub async fn call_with(
        &self,
        command: impl Serialize,
        options: impl Into<CallOptions>,
    ) -> Result<CommandResponse, Error> {
        let request = serde_json::from_value(to_value(command)?).map_err(|error| {
            let message = "the command does not serialise to an object with a `command`: give its enum \
                           #[serde(tag = \"command\", content = \"params\", rename_all = \"snake_case\")]";
            Error::new(ErrorKind::InvalidInput, message).with_source(error)
        })?;
        self.send(&request, options).await
    }

    /// As [`call_with`](Self::call_with), and reads the `result` of the answer into a type.
    ///
    /// ```
    /// # async fn run(room: hap_host::PluginHandle) -> Result<(), hap_host::Error> {
    /// use std::time::Duration;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Reading {
    ///     celsius: f64,
    /// }
    ///
    /// let command = serde_json::json!({"command": "measure"});
    /// let reading: Reading = room.call_as(command, Duration::from_secs(2)).await?;
    /// println!("{} degrees", reading.celsius);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`command`](Self::command); [`ErrorKind::InvalidReply`] also when the result does not fit
    /// the type: then the command was carried out.
    ///
    /// # Cancel safety
    /// When the future is dropped, the command may have been delivered.
    pub async fn call_as<R: DeserializeOwned>(
        &self,
        command: impl Serialize,
        options: impl Into<CallOptions>,
    ) -> Result<R, Error> {
        let answer = self.call_with(command, options).await?;
        self.read("the result of its answer", answer.result)
    }

    /// Sends a command with options: a deadline other than 30 s, the caller's trace, an
    /// idempotency key.
    ///
    /// # Errors
    /// As [`command`](Self::command).
    ///
    /// # Cancel safety
    /// When the future is dropped, the command may have been delivered.
    pub async fn send(
        &self,
        request: &CommandRequest,
        options: impl Into<CallOptions>,
    ) -> Result<CommandResponse, Error> {
        let options = options.into();
        let manifest = self.manifest();
        let path = manifest.command_endpoint().as_str();
        self.counted("command", async {
            let _permit = self.cell().gate.enter(self.id())?;
            self.client()?.command(path, request, &options).await
        })
        .await
    }

    /// Gives the plugin its settings. They are kept on disk before they are sent, and sent again
    /// after each start until the plugin has or refuses them;
    /// [`PluginState::config`](crate::model::state::PluginState::config) tells how far they are.
    /// Settings that the plugin refuses are forgotten, and the earlier ones kept.
    ///
    /// A secret setting whose value is `[REDACTED]`, as [`config`](Self::config) shows it,
    /// stays as it is.
    ///
    /// # Errors
    /// [`ErrorKind::Rejected`]: refused, nothing has changed. [`ErrorKind::NotRunning`],
    /// [`ErrorKind::Unreachable`], [`ErrorKind::Interrupted`], [`ErrorKind::Timeout`]: kept, and
    /// delivered when the plugin is healthy again. [`ErrorKind::InvalidInput`] (no object, larger
    /// than 1 MiB), [`ErrorKind::Busy`] and [`ErrorKind::Store`]: nothing has changed.
    ///
    /// # Cancel safety
    /// Once begun it goes on when the future is dropped.
    pub async fn configure(&self, config: impl Serialize) -> Result<ConfigAck, Error> {
        self.configure_with(config, CallOptions::default()).await
    }

    /// As [`configure`](Self::configure), with options. They are those of the call that is made
    /// now; what it does not deliver is sent again with the usual ones.
    ///
    /// # Errors
    /// As [`configure`](Self::configure).
    ///
    /// # Cancel safety
    /// Once begun it goes on when the future is dropped.
    pub async fn configure_with(
        &self,
        config: impl Serialize,
        options: impl Into<CallOptions>,
    ) -> Result<ConfigAck, Error> {
        let config = to_value(config)?;
        self.counted("config", self.configure_beside(config, options.into()))
            .await
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
    pub async fn status(&self) -> Result<StatusReport, Error> {
        self.status_with(CallOptions::default()).await
    }

    /// As [`status`](Self::status), with options.
    ///
    /// # Errors
    /// As [`command`](Self::command).
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn status_with(&self, options: impl Into<CallOptions>) -> Result<StatusReport, Error> {
        let options = options.into();
        let manifest = self.manifest();
        let path = manifest.status_endpoint().as_str();
        self.counted("status", async {
            let _permit = self.cell().gate.enter(self.id())?;
            self.client()?.status(path, &options).await
        })
        .await
    }

    /// Asks the plugin for its status, and reads its `data` into a type.
    ///
    /// # Errors
    /// As [`command`](Self::command); [`ErrorKind::InvalidReply`] also when the data does
    /// not fit the type.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn status_as<S: DeserializeOwned>(&self) -> Result<S, Error> {
        let report = self.status().await?;
        self.read("the data of its status", report.data)
    }

    /// Reads what a plugin answered. What it says of a value that does not fit may hold a secret.
    fn read<R: DeserializeOwned>(&self, what: &str, value: Value) -> Result<R, Error> {
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
