use std::borrow::Cow;

use hap_manifest::{Manifest, PluginId};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{
    access::Permissions,
    activity::OperationView,
    failure::{FailureView, phase_schema},
    millis,
    overrides::BootState,
    rfc3339,
    update::{UpdateOutcomeView, UpdateStateView},
};
use crate::{
    engine::observed::Exit,
    model::{
        config_state::ConfigState, data_loss::DataLoss, dependency::UnmetDependency, desired::Desired,
        runs_as::RunsAs,
    },
    plugin::handle::PluginHandle,
};

/// All installed plugins, by id.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PluginList")]
#[non_exhaustive]
pub struct PluginList {
    /// Each of them.
    pub plugins: Vec<PluginSummary>,
}

/// One plugin in a list.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct PluginSummary {
    /// Its id.
    pub id: PluginId,
    /// Its name for people.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its image.
    pub image: String,
    /// What is wanted.
    #[schemars(schema_with = "desired_schema")]
    pub desired: Cow<'static, str>,
    /// Where it is.
    #[schemars(schema_with = "phase_schema")]
    pub phase: Cow<'static, str>,
    /// It failed again and again lately.
    pub crash_loop: bool,
    /// How often it was started again after a failure, since the supervisor took it over.
    pub restarts: u64,
    /// Whether it has the settings that are kept for it: `none`, `pending`,
    /// `delivered` or `refused`.
    pub config: Cow<'static, str>,
    /// What is wrong with it, in one sentence: its failure, what it waits for, the health check that
    /// it missed, what it says of itself while it is degraded, why it refused its settings, or that its
    /// data is gone.
    pub problem: Option<String>,
}

impl PluginSummary {
    pub(in crate::management) fn of(plugin: &PluginHandle) -> Self {
        let problem = plugin.state().problem();
        let state = PluginStateView::of(plugin);
        let manifest = plugin.manifest();
        Self {
            id: plugin.id().clone(),
            name: manifest.name().to_owned(),
            version: manifest.version().to_string(),
            image: manifest.image().to_string(),
            desired: state.desired,
            phase: state.phase,
            crash_loop: state.crash_loop,
            restarts: state.restarts,
            config: state.config.state,
            problem,
        }
    }
}

/// Everything that is known of one plugin.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct PluginDetails {
    /// Its id.
    pub id: PluginId,
    /// Where it is in its life.
    pub state: PluginStateView,
    /// What it asks for, and what became of it.
    pub permissions: Permissions,
    /// The settings that are kept for it, secrets shown as `[REDACTED]`; null when there are none.
    /// Absent while a call is configuring it: `GET /v1/plugins/{id}/config` waits for that.
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub settings: Option<Value>,
    /// The manifest that it was installed from.
    pub manifest: Manifest,
}

/// Null is a value here, and not the absence of one.
fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// A snapshot of where a plugin is in its life.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PluginState")]
#[non_exhaustive]
pub struct PluginStateView {
    /// What is wanted.
    #[schemars(schema_with = "desired_schema")]
    pub desired: Cow<'static, str>,
    /// Where it is.
    #[schemars(schema_with = "phase_schema")]
    pub phase: Cow<'static, str>,
    /// The engine's id of its container, where there is one.
    pub container: Option<String>,
    /// How often it was started again after a failure, since the supervisor took it over.
    pub restarts: u64,
    /// It failed again and again lately. Stays true while it is healthy, until it has been
    /// so for a while.
    pub crash_loop: bool,
    /// How its last run ended, if it ended by itself.
    pub last_exit: Option<ExitView>,
    /// What is wrong with it, from a failure until it is healthy again.
    pub failure: Option<FailureView>,
    /// How it failed the last time, also when it has been healthy since.
    pub last_failure: Option<FailureView>,
    /// The pause before the next start, in milliseconds from when the phase was entered.
    pub retry_in_ms: Option<u64>,
    /// What the plugin says of itself in its last health report.
    pub health_message: Option<String>,
    /// Why it missed its last health check, while the phase is `unhealthy`.
    pub missed_health_check: Option<String>,
    /// What it depends on and does not have now.
    pub waiting_for: Vec<UnmetView>,
    /// From its last end, or from the request to start it, until its first healthy answer,
    /// in milliseconds.
    pub time_to_healthy_ms: Option<u64>,
    /// Whether it has the settings that are kept for it.
    pub config: ConfigStateView,
    /// The update that is under way.
    pub update: Option<UpdateStateView>,
    /// How its last update, or way back, ended.
    pub last_update: Option<UpdateOutcomeView>,
    /// The version that `POST /v1/plugins/{id}/roll-back` would go to.
    pub previous_version: Option<String>,
    /// Whether the data that it left is kept, for `restore_data=true`. False: somebody removed it. Null:
    /// none was kept.
    pub previous_snapshot: Option<bool>,
    /// What becomes of it when the host starts: `as_wanted`, `never` or `always`.
    #[schemars(with = "BootState")]
    pub boot: Cow<'static, str>,
    /// Who its program runs as: `own`, `manifest`, `image`, `as_before` or `host`, with the number or
    /// the name where there is one.
    pub runs_as: RunsAsView,
    /// Data of it that was there and is gone, until somebody stops it.
    pub data_loss: Option<DataLossView>,
    /// What is being done to it on the engine.
    pub operation: Option<OperationView>,
}

/// Data of a plugin that was there and is gone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DataLoss")]
#[non_exhaustive]
pub struct DataLossView {
    /// The volumes that are new and empty now.
    pub volumes: Vec<String>,
    /// When it was noticed, by RFC 3339.
    pub at: String,
}

impl From<DataLoss> for DataLossView {
    fn from(loss: DataLoss) -> Self {
        Self {
            volumes: loss.volumes,
            at: rfc3339(loss.at),
        }
    }
}

impl PluginStateView {
    pub(in crate::management) fn of(plugin: &PluginHandle) -> Self {
        let state = plugin.state();
        Self {
            desired: desired_name(state.desired).into(),
            phase: state.phase.as_str().into(),
            container: state.container.map(|id| id.as_str().to_owned()),
            restarts: state.restarts,
            crash_loop: state.crash_loop,
            last_exit: state.last_exit.map(ExitView::from),
            failure: state.failure.map(FailureView::from),
            last_failure: state.last_failure.map(FailureView::from),
            retry_in_ms: state.retry_in.map(millis),
            health_message: state.health_message,
            missed_health_check: state.missed_health_check,
            waiting_for: state.unmet_dependencies.iter().map(UnmetView::of).collect(),
            time_to_healthy_ms: state.time_to_healthy.map(millis),
            config: ConfigStateView::from(&state.config),
            update: state.update.as_ref().map(UpdateStateView::from),
            last_update: state.last_update.map(UpdateOutcomeView::from),
            previous_version: plugin.previous_version().map(|version| version.to_string()),
            previous_snapshot: plugin.previous_snapshot(),
            boot: BootState::from(state.autostart).as_str().into(),
            runs_as: RunsAsView::from(&state.runs_as),
            data_loss: state.data_loss.map(DataLossView::from),
            operation: state.operation.map(OperationView::from),
        }
    }
}

/// Who the program of a plugin runs as.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RunsAs")]
#[non_exhaustive]
pub struct RunsAsView {
    /// `own`: a number that only it has; `manifest` or `image`: the user that one names; `as_before`: as
    /// its image says, maybe root, because it was installed before plugins had numbers of their own;
    /// `host`: the engine runs programs without a container.
    pub kind: Cow<'static, str>,
    /// The number, or the user as it is named.
    pub user: Option<String>,
    /// All of it in words.
    pub text: String,
}

impl From<&RunsAs> for RunsAsView {
    fn from(runs_as: &RunsAs) -> Self {
        let (kind, user) = match runs_as {
            RunsAs::Own(number) => ("own", Some(number.to_string())),
            RunsAs::Manifest(user) => ("manifest", Some(user.clone())),
            RunsAs::Image(user) => ("image", Some(user.clone())),
            RunsAs::AsBefore => ("as_before", None),
            RunsAs::Host => ("host", None),
        };
        Self {
            kind: Cow::Borrowed(kind),
            user,
            text: runs_as.to_string(),
        }
    }
}

/// How a run ended, as the engine reports it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Exit")]
#[non_exhaustive]
pub struct ExitView {
    /// Exit code; 128 + n after signal n.
    pub code: i64,
    /// The signal that ended the run, where the code says one.
    pub signal: Option<i64>,
    /// The engine says that the kernel killed it for memory.
    pub oom_killed: bool,
    /// The limit that it ran out of, in bytes.
    pub memory_limit_bytes: Option<u64>,
    /// All of it in words.
    pub text: String,
}

impl From<Exit> for ExitView {
    fn from(exit: Exit) -> Self {
        Self {
            code: exit.code,
            signal: exit.signal(),
            oom_killed: exit.oom_killed,
            memory_limit_bytes: exit.memory_limit_bytes,
            text: exit.to_string(),
        }
    }
}

/// A plugin that another one needs and does not have now.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Unmet")]
#[non_exhaustive]
pub struct UnmetView {
    /// The plugin that is needed.
    pub plugin: PluginId,
    /// It, and why it is not there, in words.
    pub text: String,
}

impl UnmetView {
    pub(in crate::management) fn of(unmet: &UnmetDependency) -> Self {
        Self {
            plugin: unmet.plugin.clone(),
            text: unmet.to_string(),
        }
    }
}

/// How far the settings that are kept for a plugin have come.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ConfigState")]
#[non_exhaustive]
pub struct ConfigStateView {
    /// `none`, `pending`, `delivered` or `refused`.
    #[schemars(extend("enum" = ["none", "pending", "delivered", "refused"]))]
    pub state: Cow<'static, str>,
    /// Why they were not delivered, or are refused.
    pub reason: Option<String>,
}

impl From<&ConfigState> for ConfigStateView {
    fn from(state: &ConfigState) -> Self {
        Self {
            state: state.as_str().into(),
            reason: state.reason().map(str::to_owned),
        }
    }
}

const fn desired_name(desired: Desired) -> &'static str {
    match desired {
        Desired::Running => "running",
        Desired::Stopped => "stopped",
        Desired::Removed { with_data: false } => "removed",
        Desired::Removed { with_data: true } => "removed_with_data",
    }
}

fn desired_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["running", "stopped", "removed", "removed_with_data"] })
}

/// A plugin has another version now, or went back.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Updated {
    /// What became of it.
    pub outcome: UpdateOutcomeView,
    /// Where the plugin is now.
    pub state: PluginStateView,
}
