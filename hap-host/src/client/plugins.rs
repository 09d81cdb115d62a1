//! Calls about one plugin.

use std::time::Duration;

use hap_manifest::{
    PluginId,
    wire::{CommandRequest, CommandResponse, Map, StatusReport},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    Client,
    answers::{
        ActivityView, BootState, ConfigAnswer, DesiredState, KeptConfig, LastStatus, Limits, LogLineView,
        LogLines, OperatorEnv, Permissions, PluginDetails, PluginStateView, ProgressView, Removed, Updated,
        UsageView, WantedLimits,
    },
    call::Call,
    error::{ClientError, ClientErrorKind},
    follow::{Follow, Source},
    operation::Operation,
    options::{
        CommandOptions, InstallOptions, LogOptions, Package, RollBackOptions, UninstallOptions, UpdateOptions,
    },
    sse::{EVENTS, Events},
};
use crate::management::view::overrides::KeptEnv;

/// What is left for the way of a command's answer, beyond what the plugin may take.
const COMMAND_WAY: Duration = Duration::from_secs(10);

impl Client {
    /// Installs a plugin without starting it, and tells what is done meanwhile. A call that is dropped is given
    /// up: the plugin is installed as a whole or not at all.
    ///
    /// # Errors
    /// Any [`ClientError`]; `not_permitted` where a grant is missing.
    pub async fn install_plugin(
        &self,
        package: Package,
        options: InstallOptions,
        progress: impl FnMut(ProgressView) + Send,
    ) -> Result<PluginDetails, ClientError> {
        let mut call = self.call(Operation::InstallPlugin).package(package);
        for grant in &options.grants {
            call = call.query("grant", grant);
        }
        let call = call
            .flag("grant_all", options.grant_all)
            .flag("adopt_data", options.adopt_data);
        self.told(call, Operation::InstallPlugin, "installed", progress)
            .await
    }

    /// Returns everything that is known of a plugin.
    ///
    /// # Errors
    /// Any [`ClientError`]; `not_installed` where there is none of that id.
    pub async fn get_plugin(&self, plugin: &PluginId) -> Result<PluginDetails, ClientError> {
        self.call_of(Operation::GetPlugin, plugin).answer().await
    }

    /// Stops a plugin and removes it.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn uninstall_plugin(
        &self,
        plugin: &PluginId,
        options: UninstallOptions,
    ) -> Result<Removed, ClientError> {
        self.call_of(Operation::UninstallPlugin, plugin)
            .flag("remove_data", options.remove_data)
            .flag("even_if_needed", options.even_if_needed)
            .flag("force", options.force)
            .answer()
            .await
    }

    /// Starts a plugin, and returns when it is healthy.
    ///
    /// # Errors
    /// Any [`ClientError`]; `failed` with the diagnosis in its details.
    pub async fn start_plugin(&self, plugin: &PluginId) -> Result<PluginStateView, ClientError> {
        self.call_of(Operation::StartPlugin, plugin)
            .empty()
            .answer()
            .await
    }

    /// Stops a plugin, and returns when it is down. With `force` it is killed at once.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn stop_plugin(&self, plugin: &PluginId, force: bool) -> Result<PluginStateView, ClientError> {
        let call = self.call_of(Operation::StopPlugin, plugin).empty();
        call.flag("force", force).answer().await
    }

    /// Stops a plugin, starts it again and returns when it is healthy.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn restart_plugin(
        &self,
        plugin: &PluginId,
        force: bool,
    ) -> Result<PluginStateView, ClientError> {
        let call = self.call_of(Operation::RestartPlugin, plugin).empty();
        call.flag("force", force).answer().await
    }

    /// Records what is wanted of a plugin, and returns at once.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn set_desired(
        &self,
        plugin: &PluginId,
        desired: DesiredState,
    ) -> Result<PluginStateView, ClientError> {
        let call = self.call_of(Operation::SetDesired, plugin);
        call.json(&json!({ "desired": desired })).answer().await
    }

    /// Gives a plugin a new token and a new webhook secret, and returns when it runs with them.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn rotate_secrets(&self, plugin: &PluginId) -> Result<PluginStateView, ClientError> {
        self.call_of(Operation::RotateSecrets, plugin)
            .empty()
            .answer()
            .await
    }

    /// Brings a plugin to another version, and returns when that has proven itself. What is done meanwhile is told.
    ///
    /// # Errors
    /// Any [`ClientError`]; the old version is back then.
    pub async fn update_plugin(
        &self,
        plugin: &PluginId,
        package: Package,
        options: UpdateOptions,
        progress: impl FnMut(ProgressView) + Send,
    ) -> Result<Updated, ClientError> {
        let mut call = self.call_of(Operation::UpdatePlugin, plugin).package(package);
        for grant in &options.grants {
            call = call.query("grant", grant);
        }
        let settings = options.settings.as_ref().map(ascii);
        let call = call
            .flag("grant_all", options.grant_all)
            .maybe("accept_publisher", options.accept_publisher)
            .flag("allow_downgrade", options.allow_downgrade)
            .flag("allow_same_version", options.allow_same_version)
            .flag("without_snapshot", options.without_snapshot)
            .maybe("max_snapshot_mib", options.max_snapshot_mib)
            .flag("even_if_dependants_break", options.even_if_dependants_break)
            .header("plugin-settings", settings.as_deref());
        self.told(call, Operation::UpdatePlugin, "updated", progress)
            .await
    }

    /// Goes back to the version before the last update, and returns when that has proven itself.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn roll_back_plugin(
        &self,
        plugin: &PluginId,
        options: RollBackOptions,
    ) -> Result<Updated, ClientError> {
        self.call_of(Operation::RollBackPlugin, plugin)
            .empty()
            .flag("restore_data", options.restore_data)
            .flag("without_snapshot", options.without_snapshot)
            .maybe("max_snapshot_mib", options.max_snapshot_mib)
            .answer()
            .await
    }

    /// Forgets the version before the last update, and removes the copy of its data.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn forget_previous_version(&self, plugin: &PluginId) -> Result<PluginStateView, ClientError> {
        self.call_of(Operation::ForgetPreviousVersion, plugin)
            .answer()
            .await
    }

    /// Returns the limits that hold for a plugin, and which of them its operator gave it.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn get_limits(&self, plugin: &PluginId) -> Result<Limits, ClientError> {
        self.call_of(Operation::GetLimits, plugin).answer().await
    }

    /// Replaces the limits that the operator gives a plugin, and returns when its container has them.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn set_limits(&self, plugin: &PluginId, limits: &WantedLimits) -> Result<Limits, ClientError> {
        self.call_of(Operation::SetLimits, plugin)
            .json(limits)
            .answer()
            .await
    }

    /// Says what becomes of a plugin when the host starts.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn set_boot(&self, plugin: &PluginId, boot: BootState) -> Result<PluginStateView, ClientError> {
        let call = self.call_of(Operation::SetBoot, plugin);
        call.json(&json!({ "boot": boot })).answer().await
    }

    /// Returns the environment variables that the operator sets for a plugin, without the values of secret ones.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn get_env(&self, plugin: &PluginId) -> Result<OperatorEnv, ClientError> {
        let kept: KeptEnv = self.call_of(Operation::GetEnv, plugin).answer().await?;
        Ok(kept.env)
    }

    /// Replaces the environment variables that the operator sets for a plugin, and returns when it runs with them.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn set_env(&self, plugin: &PluginId, env: &OperatorEnv) -> Result<OperatorEnv, ClientError> {
        let kept: KeptEnv = self.call_of(Operation::SetEnv, plugin).json(env).answer().await?;
        Ok(kept.env)
    }

    /// Returns what is going on with a plugin.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn get_activity(&self, plugin: &PluginId) -> Result<ActivityView, ClientError> {
        self.call_of(Operation::GetActivity, plugin).answer().await
    }

    /// Returns what a plugin asks for, and what became of it.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn get_permissions(&self, plugin: &PluginId) -> Result<Permissions, ClientError> {
        self.call_of(Operation::GetPermissions, plugin).answer().await
    }

    /// Replaces what a plugin was granted, by the short names of permissions.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn set_grants(&self, plugin: &PluginId, grants: &[String]) -> Result<Permissions, ClientError> {
        let call = self.call_of(Operation::SetGrants, plugin);
        call.json(&json!({ "grants": grants })).answer().await
    }

    /// Sends a command to a plugin, and returns what it answers.
    ///
    /// # Errors
    /// Any [`ClientError`]; a refusal of the plugin's own has [`refused_by`](ClientError::refused_by) `plugin`.
    pub async fn send_command(
        &self,
        plugin: &PluginId,
        command: &str,
        params: Value,
        options: CommandOptions,
    ) -> Result<CommandResponse, ClientError> {
        let millis = |timeout: Duration| timeout.as_millis().max(1);
        let mut call = self.call_of(Operation::SendCommand, plugin);
        if let (Some(timeout), None) = (options.timeout, self.timeout) {
            call = call.limit(timeout + COMMAND_WAY);
        }
        call.maybe("timeout_ms", options.timeout.map(millis))
            .header("idempotency-key", options.idempotency_key.as_deref())
            .header("x-request-id", options.request_id.as_deref())
            .header("traceparent", options.traceparent.as_deref())
            .json(&CommandRequest::new(command).with_params(params))
            .answer()
            .await
    }

    /// Returns the settings that are kept for a plugin, without their secrets.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn get_config(&self, plugin: &PluginId) -> Result<KeptConfig, ClientError> {
        self.call_of(Operation::GetConfig, plugin).answer().await
    }

    /// Replaces a plugin's settings, and returns when it has them or they are kept for it.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn set_config(&self, plugin: &PluginId, settings: &Map) -> Result<ConfigAnswer, ClientError> {
        self.call_of(Operation::SetConfig, plugin)
            .json(settings)
            .answer()
            .await
    }

    /// Asks a plugin for its status.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn get_status(&self, plugin: &PluginId) -> Result<StatusReport, ClientError> {
        self.call_of(Operation::GetStatus, plugin).answer().await
    }

    /// Returns the last status that a plugin sent on its own.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn get_last_status(&self, plugin: &PluginId) -> Result<LastStatus, ClientError> {
        self.call_of(Operation::GetLastStatus, plugin).answer().await
    }

    /// Returns what a plugin uses now.
    ///
    /// # Errors
    /// Any [`ClientError`]; `not_running` where it has no container.
    pub async fn get_usage(&self, plugin: &PluginId) -> Result<UsageView, ClientError> {
        self.call_of(Operation::GetUsage, plugin).answer().await
    }

    /// Returns the newest lines of a plugin's output, oldest first.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn get_logs(&self, plugin: &PluginId, options: &LogOptions) -> Result<LogLines, ClientError> {
        self.call_of(Operation::GetLogs, plugin)
            .maybe("tail", options.tail)
            .maybe("since", options.since.as_deref())
            .answer()
            .await
    }

    /// Returns a plugin's output as it comes, over all of its runs and over restarts of the host.
    #[must_use]
    pub fn follow_logs(&self, plugin: &PluginId, options: LogOptions) -> Follow<LogLineView> {
        let source = Source::new(self, Operation::FollowLogs, Some(plugin.clone()))
            .maybe("tail", options.tail.map(|tail| tail.to_string()))
            .maybe("since", options.since);
        Follow::new(source, |name, data| {
            (name == "line").then(|| serde_json::from_value(data))
        })
    }

    /// Sends a call whose progress is told, and returns its end.
    async fn told<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
        operation: Operation,
        end: &str,
        mut progress: impl FnMut(ProgressView) + Send,
    ) -> Result<T, ClientError> {
        let limit = self.timeout.unwrap_or(operation.limit());
        let told = async {
            let mut events = Events::of(call.accept(EVENTS).begin().await?);
            while let Some(event) = events.next().await {
                let event = event?;
                if event.name == end {
                    return serde_json::from_value(event.data).map_err(|error| {
                        let message = format!("the answer to {} cannot be read: {error}", operation.name());
                        ClientError::new(ClientErrorKind::InvalidReply, message)
                    });
                }
                match event.name.as_str() {
                    "refused" => return Err(ClientError::refused(None, &event.data)),
                    // What a newer host tells besides is no reason to stop.
                    "progress" => {
                        if let Ok(step) = serde_json::from_value(event.data) {
                            progress(step);
                        }
                    }
                    _ => {}
                }
            }
            let message = format!(
                "{} broke off before it was done; what was asked may still happen",
                self.place()
            );
            Err(ClientError::new(ClientErrorKind::Unreachable, message))
        };
        tokio::time::timeout(limit, told).await.unwrap_or_else(|_| {
            let message = format!(
                "{} is not done after {limit:?}; what was asked may still happen",
                self.place()
            );
            Err(ClientError::new(ClientErrorKind::Timeout, message))
        })
    }
}

/// JSON in letters that fit into a header.
fn ascii(value: &Value) -> String {
    let mut escaped = String::new();
    for c in value.to_string().chars() {
        if c.is_ascii() {
            escaped.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}
