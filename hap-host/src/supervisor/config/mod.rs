//! A supervisor as a configuration file describes it.

mod engine;
pub(crate) mod error;
#[cfg(test)]
mod tests;

use std::{
    io::Read as _,
    num::{NonZeroU16, NonZeroUsize},
    path::{Path, PathBuf},
    time::Duration,
};

use hap_manifest::document::{self, Rules};
use schemars::JsonSchema;
use serde::Deserialize;

use self::{engine::EngineConfig, error::ConfigError};
use super::{Supervisor, builder::SupervisorBuilder};
use crate::{
    engine::{instance::InstanceName, into_engine::IntoEngine},
    error::Error,
    model::{
        amount::Time,
        limits::{DefaultLimits, DefaultLimitsFile},
        log_forwarding::LogForwarding,
        retention::EventRetention,
        run_policy::{HealthPolicy, ProbationPolicy, RestartPolicy},
    },
    plugin::usage::SHORTEST,
    policy::{Policy, config::PolicyConfig},
    protocol::events::rate::{EventRateFile, EventRateLimit},
};

/// Most bytes that are read of a file; one more is a file that is too long.
const MOST_READ: u64 = (1 << 20) + 1;

/// What a configuration file says of a [`Supervisor`]: the engine, the state folder, the policy, and
/// every option of [`SupervisorBuilder`], by the name of its setter.
///
/// Times are written as `"30s"` and `"7d"`, sizes as `"256m"`. What is left out has the builder's
/// default. Keys that are not known are refused, and every problem of a file is told at once, with its
/// place. `docs/guide-host.md` has a section on it, `examples/host.json` is a whole file, and `docs/host-config.schema.json` its JSON Schema, for editors.
///
/// ```
/// use hap_host::SupervisorConfig;
///
/// let text = r#"{
///   "state_folder": "./home-state",
///   "policy": {"preset": "home", "netwrok": "by_grant", "max_memory": "1gb"},
///   "dependency_wait": "90"
/// }"#;
/// let error = SupervisorConfig::from_json(text).unwrap_err();
/// assert_eq!(error.to_string(), "\
/// the configuration has problems:
///   3:32: error[unknown_field] /policy/netwrok: unknown field `netwrok`; did you mean `network`?
///   3:69: error[invalid_value] /policy/max_memory: invalid memory limit \"1gb\": the unit must be one of b, k, m and g; write \"1g\"
///   4:22: error[invalid_value] /dependency_wait: invalid duration \"90\": it has no unit; write \"90s\" for seconds");
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Configuration of a host of plugins")]
#[must_use = "nothing happens until a supervisor is made of it"]
pub struct SupervisorConfig {
    /// The folder that holds the state of this supervisor and of no other. In a file, a relative path
    /// begins at the folder of the file.
    state_folder: PathBuf,
    /// The engine that runs the plugins.
    #[serde(default)]
    engine: EngineConfig,
    /// Keeps this supervisor's plugins apart from those of others on the same engine; `default` unless
    /// it is set.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    instance: Option<InstanceName>,
    /// Limits of plugins whose manifest names none.
    #[serde(default)]
    #[schemars(with = "Option<DefaultLimitsFile>")]
    default_limits: Option<DefaultLimits>,
    /// When a plugin that ended is started again.
    #[serde(default)]
    restart_policy: Option<RestartPolicy>,
    /// Whether plugins also outlive failures and restarts while no host runs.
    #[serde(default)]
    restart_without_host: Option<bool>,
    /// How health is probed, where the manifest does not say.
    #[serde(default)]
    health_policy: Option<HealthPolicy>,
    /// When a new version of a plugin has proven itself.
    #[serde(default)]
    probation_policy: Option<ProbationPolicy>,
    /// The port on which plugins reach the platform; a free one unless it is set.
    #[serde(default)]
    events_port: Option<NonZeroU16>,
    /// How many events each plugin may send.
    #[serde(default)]
    #[schemars(with = "Option<EventRateFile>")]
    event_rate: Option<EventRateLimit>,
    /// How many received events are kept for later readers, and for how long.
    #[serde(default)]
    event_retention: Option<EventRetention>,
    /// How many plugins are created or started at a time; twice the processors unless it is set.
    #[serde(default)]
    parallel_starts: Option<NonZeroUsize>,
    /// How many calls to one plugin are under way at a time; 64 unless it is set.
    #[serde(default)]
    parallel_calls: Option<NonZeroUsize>,
    /// What plugins may have.
    #[serde(default)]
    policy: PolicyConfig,
    /// How long a start waits for what the plugin depends on before that is a failure; 5m unless it is
    /// set.
    #[serde(default)]
    dependency_wait: Option<Time>,
    /// Longest time for plugins to stop when the host shuts down, before they are killed; 60s unless it
    /// is set.
    #[serde(default)]
    shutdown_timeout: Option<Time>,
    /// Forwards what plugins print into the host's log; `{}` with the defaults.
    #[serde(default)]
    forward_logs: Option<LogForwarding>,
    /// How often the resource use of every running plugin is sampled; never unless it is set.
    #[serde(default)]
    sample_usage: Option<Time>,
    /// How long a container or a network may belong to no plugin before it is removed, or `never`; 5m
    /// unless it is set.
    #[serde(default)]
    sweep_orphans_after: Option<TimeOrNever>,
    /// How often it is measured whether plugins are kept apart, or `never`; 5m unless it is set.
    #[serde(default)]
    measure_isolation_every: Option<TimeOrNever>,
}

/// A time, or `never`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeOrNever {
    Time(Time),
    Never,
}

impl TimeOrNever {
    const fn time(self) -> Option<Duration> {
        match self {
            Self::Time(time) => Some(time.0),
            Self::Never => None,
        }
    }
}

impl<'de> Deserialize<'de> for TimeOrNever {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        if text == "never" {
            return Ok(Self::Never);
        }
        let text = serde::de::value::CowStrDeserializer::new(text);
        Time::deserialize(text).map(Self::Time)
    }
}

impl JsonSchema for TimeOrNever {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TimeOrNever".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let time = generator.subschema_for::<Time>();
        schemars::json_schema!({ "anyOf": [time, { "const": "never" }] })
    }
}

impl SupervisorConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    /// Lists everything that is wrong with the text, each problem with its place.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        Self::from_slice(text.as_bytes())
    }

    /// Reads a configuration from a file of at most 1 MiB. It blocks for as long as the file takes.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json), and for a file that cannot be read.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let unreadable = |error| ConfigError::unreadable(path, error);
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(MOST_READ).read_to_end(&mut bytes).map_err(unreadable)?;
        let mut config = Self::from_slice(&bytes).map_err(|error| error.in_file(path))?;
        if let Some(folder) = path.parent() {
            config.state_folder = folder.join(&config.state_folder);
        }
        Ok(config)
    }

    fn from_slice(bytes: &[u8]) -> Result<Self, ConfigError> {
        document::read_with(bytes, Self::check).map_err(|error| ConfigError::refused(bytes, error))
    }

    /// The rules that a start would refuse, with their places.
    fn check(&self, rules: &mut Rules) {
        let mut told = |pointer: &str, checked: Result<(), String>| {
            if let Err(rule) = checked {
                rules.refuse(pointer, rule, "leave it out for the default");
            }
        };
        let restart = self.restart_policy.as_ref();
        told("/restart_policy", restart.map_or(Ok(()), RestartPolicy::check));
        let health = self.health_policy.as_ref();
        told("/health_policy", health.map_or(Ok(()), HealthPolicy::check));
        let probation = self.probation_policy.as_ref();
        told(
            "/probation_policy",
            probation.map_or(Ok(()), ProbationPolicy::check),
        );
        let measured = self.measure_isolation_every.and_then(TimeOrNever::time);
        let sampled = self.sample_usage.map(|time| time.0);
        for (pointer, time) in [("/measure_isolation_every", measured), ("/sample_usage", sampled)] {
            if time.is_some_and(|time| time < SHORTEST) {
                rules.refuse(
                    pointer,
                    "it is less than 1s, the least",
                    "write for example \"30s\"",
                );
            }
        }
        if self.state_folder.as_os_str().is_empty() {
            rules.refuse(
                "/state_folder",
                "it names no folder",
                "write for example \"./home-state\"",
            );
        }
    }

    /// The folder that holds the supervisor's state.
    #[must_use]
    pub fn state_folder(&self) -> &Path {
        &self.state_folder
    }

    /// What plugins may have.
    pub fn policy(&self) -> Policy {
        self.policy.clone().into_policy()
    }

    /// Describes a supervisor by this configuration over another engine than the one that it names, such
    /// as a simulated one in tests.
    pub fn builder(self, engine: impl IntoEngine) -> SupervisorBuilder {
        let builder =
            Supervisor::builder(engine.into_engine(), self.state_folder).policy(self.policy.into_policy());
        let builder = set(builder, self.instance, SupervisorBuilder::instance);
        let builder = set(builder, self.default_limits, SupervisorBuilder::default_limits);
        let builder = set(builder, self.restart_policy, SupervisorBuilder::restart_policy);
        let builder = set(
            builder,
            self.restart_without_host,
            SupervisorBuilder::restart_without_host,
        );
        let builder = set(builder, self.health_policy, SupervisorBuilder::health_policy);
        let builder = set(
            builder,
            self.probation_policy,
            SupervisorBuilder::probation_policy,
        );
        let events_port = self.events_port.map(NonZeroU16::get);
        let builder = set(builder, events_port, SupervisorBuilder::events_port);
        let builder = set(builder, self.event_rate, SupervisorBuilder::event_rate);
        let builder = set(builder, self.event_retention, SupervisorBuilder::event_retention);
        let parallel_starts = self.parallel_starts.map(NonZeroUsize::get);
        let builder = set(builder, parallel_starts, SupervisorBuilder::parallel_starts);
        let builder = set(builder, self.parallel_calls, SupervisorBuilder::parallel_calls);
        let dependency_wait = self.dependency_wait.map(|time| time.0);
        let builder = set(builder, dependency_wait, SupervisorBuilder::dependency_wait);
        let shutdown_timeout = self.shutdown_timeout.map(|time| time.0);
        let builder = set(builder, shutdown_timeout, SupervisorBuilder::shutdown_timeout);
        let builder = set(builder, self.forward_logs, SupervisorBuilder::forward_logs);
        let sample_usage = self.sample_usage.map(|time| time.0);
        let builder = set(builder, sample_usage, SupervisorBuilder::sample_usage);
        let orphans = self.sweep_orphans_after.map(TimeOrNever::time);
        let builder = set(builder, orphans, SupervisorBuilder::sweep_orphans_after);
        let isolation = self.measure_isolation_every.map(TimeOrNever::time);
        set(builder, isolation, SupervisorBuilder::measure_isolation_every)
    }
}

fn set<T>(
    builder: SupervisorBuilder,
    value: Option<T>,
    setter: impl FnOnce(SupervisorBuilder, T) -> SupervisorBuilder,
) -> SupervisorBuilder {
    match value {
        Some(value) => setter(builder, value),
        None => builder,
    }
}

impl Supervisor {
    /// Connects to the engine that a configuration names, and describes a supervisor by the rest of it.
    /// What the file cannot say is set on the builder.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), hap_host::Error> {
    /// use hap_host::{Supervisor, SupervisorConfig};
    ///
    /// let config = SupervisorConfig::from_file("/etc/home/host.json")?;
    /// let supervisor = Supervisor::from_config(config).await?.start().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Engine`](crate::ErrorKind::Engine) when the engine does not answer or is none that
    /// plugins run on, [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for one that this
    /// program was built without.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    pub async fn from_config(config: SupervisorConfig) -> Result<SupervisorBuilder, Error> {
        let engine = config.engine.connect(&config.state_folder).await?;
        Ok(config.builder(engine))
    }
}
