use std::{collections::BTreeMap, fmt};

use hap_manifest::{CpuLimit, MemoryLimit, PidsLimit};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    model::{autostart::Autostart, env::EnvOverrides, limits::LimitOverrides, redact::REDACTED},
    plugin::handle::PluginHandle,
};

/// The limits of a plugin.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Limits {
    /// Those that hold for its container: the operator's, else its manifest's, else the host's
    /// default, and none above what the policy gives.
    pub in_force: LimitsInForce,
    /// What the operator gave it in place of its manifest's.
    #[serde(deserialize_with = "WantedLimits::of_an_answer")]
    pub overrides: WantedLimits,
}

impl Limits {
    pub(in crate::management) fn of(plugin: &PluginHandle) -> Self {
        let (limits, overrides) = (plugin.limits(), plugin.limit_overrides());
        Self {
            in_force: LimitsInForce {
                memory_bytes: limits.memory_bytes,
                nano_cpus: limits.nano_cpus,
                pids: limits.pids,
            },
            overrides: WantedLimits {
                memory_limit: overrides.memory,
                cpu_limit: overrides.cpu,
                pids_limit: overrides.pids,
            },
        }
    }
}

/// Limits as numbers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct LimitsInForce {
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// CPU time, in billionths of a core.
    pub nano_cpus: u64,
    /// Processes and threads.
    pub pids: u32,
}

/// Limits in place of those of the manifest, by the manifest's own names. What is left out or null
/// is as the manifest says.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct WantedLimits {
    /// Memory, such as `64m`.
    #[serde(default)]
    pub memory_limit: Option<MemoryLimit>,
    /// Cores, such as 0.5.
    #[serde(default)]
    pub cpu_limit: Option<CpuLimit>,
    /// Processes and threads.
    #[serde(default)]
    pub pids_limit: Option<PidsLimit>,
}

impl WantedLimits {
    fn of_an_answer<'de, D: Deserializer<'de>>(answer: D) -> Result<Self, D::Error> {
        known(answer, &["memory_limit", "cpu_limit", "pids_limit"])
    }
}

/// Reads of an answer what a request may say too. A request with a field that nobody knows is refused; in
/// an answer it is what a newer host adds, and passed over.
fn known<'de, D: Deserializer<'de>, T: DeserializeOwned>(answer: D, names: &[&str]) -> Result<T, D::Error> {
    let mut fields = Map::<String, Value>::deserialize(answer)?;
    fields.retain(|name, _| names.contains(&name.as_str()));
    T::deserialize(Value::Object(fields)).map_err(serde::de::Error::custom)
}

impl From<WantedLimits> for LimitOverrides {
    fn from(wanted: WantedLimits) -> Self {
        Self {
            memory: wanted.memory_limit,
            cpu: wanted.cpu_limit,
            pids: wanted.pids_limit,
        }
    }
}

/// What becomes of a plugin when the host starts.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantedBoot {
    /// `as_wanted`, `never` or `always`.
    pub boot: BootState,
}

/// What may become of a plugin when the host starts. One whose process still runs then is
/// adopted in all cases.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
#[non_exhaustive]
pub enum BootState {
    /// It goes on as it was.
    AsWanted,
    /// It is not started.
    Never,
    /// It is started, also when it was stopped before.
    Always,
}

impl BootState {
    /// Returns its word in requests and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AsWanted => "as_wanted",
            Self::Never => "never",
            Self::Always => "always",
        }
    }
}

impl From<BootState> for Autostart {
    fn from(state: BootState) -> Self {
        match state {
            BootState::AsWanted => Self::Restore,
            BootState::Never => Self::Never,
            BootState::Always => Self::Always,
        }
    }
}

impl From<Autostart> for BootState {
    fn from(autostart: Autostart) -> Self {
        match autostart {
            Autostart::Restore => Self::AsWanted,
            Autostart::Never => Self::Never,
            Autostart::Always => Self::Always,
        }
    }
}

/// The environment variables that the operator sets for a plugin, over those of its manifest. What
/// is read can be written back: a secret that says `[REDACTED]` stays as it is.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OperatorEnv {
    /// Values by their names.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// The same for values that nobody shall see: they are shown as `[REDACTED]`.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
}

/// The same as a host answers it, for clients: what a newer one adds is passed over.
#[cfg(feature = "client")]
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct KeptEnv {
    #[serde(deserialize_with = "kept")]
    pub(crate) env: OperatorEnv,
}

#[cfg(feature = "client")]
fn kept<'de, D: Deserializer<'de>>(answer: D) -> Result<OperatorEnv, D::Error> {
    known(answer, &["variables", "secrets"])
}

/// The names alone: what comes in holds secrets.
impl fmt::Debug for OperatorEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorEnv")
            .field("variables", &self.variables.keys())
            .field("secrets", &self.secrets.keys())
            .finish()
    }
}

impl From<&EnvOverrides> for OperatorEnv {
    fn from(env: &EnvOverrides) -> Self {
        let open = env.exposed(false);
        let secret = env.names().filter(|(_, secret)| *secret);
        Self {
            variables: open
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .collect(),
            secrets: secret
                .map(|(name, _)| (name.to_string(), REDACTED.to_owned()))
                .collect(),
        }
    }
}
