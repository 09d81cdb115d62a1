//! The tables of the configuration file that are not the supervisor's.

use std::{net::SocketAddr, path::PathBuf};

use hap_manifest::ParseError;
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};

/// What becomes of the plugins when the host ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnExit {
    /// They go on, and the next host adopts them. The default: a new version of the host, or a fault of it, then does
    /// nothing to a household.
    #[default]
    Keep,
    /// They are stopped, and the next host starts them again.
    Stop,
}

/// Which lines the log has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// What lines of the log look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    Text,
    Json,
}

/// The table `log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) level: Level,
    pub(crate) format: Format,
}

/// The table `api`: the management API over TCP, beside that on the socket.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Api {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) listen: Option<Address>,
    /// A file with the certificate and those between it and its authority, as PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<PathBuf>,
    /// A file with the certificate's private key, as PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PathBuf>,
    /// Names that the API answers to, beside `localhost` and IP addresses.
    pub(crate) hosts: Vec<String>,
}

/// The table `metrics`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Metrics {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) listen: Option<Address>,
}

/// An IP address and a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Address(pub(crate) SocketAddr);

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let address = text.parse().map(Self);
        address.map_err(|_| {
            let help = "write an IP address and a port, such as \"127.0.0.1:8443\" or \"[::1]:8443\"";
            let rule = "it is no address to listen on";
            serde::de::Error::custom(ParseError::of("address", &text, rule, help))
        })
    }
}

/// The whole file. Of the supervisor's keys only the names are here, so that what is misspelt is told with the nearest of all
/// keys; their values are read by the supervisor's own reader.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Shape {
    pub(super) api: Api,
    pub(super) metrics: Metrics,
    pub(super) log: Log,
    pub(super) on_exit: OnExit,
    state_folder: Option<IgnoredAny>,
    engine: Option<IgnoredAny>,
    instance: Option<IgnoredAny>,
    default_limits: Option<IgnoredAny>,
    restart_policy: Option<IgnoredAny>,
    restart_without_host: Option<IgnoredAny>,
    health_policy: Option<IgnoredAny>,
    probation_policy: Option<IgnoredAny>,
    events_port: Option<IgnoredAny>,
    event_rate: Option<IgnoredAny>,
    event_retention: Option<IgnoredAny>,
    parallel_starts: Option<IgnoredAny>,
    parallel_calls: Option<IgnoredAny>,
    policy: Option<IgnoredAny>,
    dependency_wait: Option<IgnoredAny>,
    shutdown_timeout: Option<IgnoredAny>,
    forward_logs: Option<IgnoredAny>,
    sample_usage: Option<IgnoredAny>,
    sweep_orphans_after: Option<IgnoredAny>,
    measure_isolation_every: Option<IgnoredAny>,
}

/// The keys that are not the supervisor's.
pub(super) const OWN: [&str; 4] = ["api", "metrics", "log", "on_exit"];

impl Shape {
    pub(super) const fn names_state_folder(&self) -> bool {
        self.state_folder.is_some()
    }
}
