//! [`Settings`]: who the plugin is and what surrounds it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hap_manifest::{ApiToken, PluginId, WebhookSecret};

use crate::error::StartError;
use crate::settings::config_variables::ConfigVariables;
use crate::settings::platform::PlatformUrl;
#[cfg(feature = "testing")]
use crate::settings::test_platform::TestPlatform;
use crate::telemetry::{Identity, Redactor};

/// The version of a plugin that nobody tells.
pub(crate) const UNKNOWN_VERSION: &str = "0.0.0";

/// Who the plugin is, where its platform is, and how much it takes on.
///
/// In a container the host sets the environment and [`run`](crate::run) reads it by
/// [`from_env`](Self::from_env). Without a host every variable may be absent, and the plugin serves
/// on port 8000 with defaults.
///
/// | variable | meaning | when absent |
/// |---|---|---|
/// | `PLUGIN_ID` | id of the plugin | made from the program's file name |
/// | `PLUGIN_NAME` | display name | the id |
/// | `PLUGIN_VERSION` | version of the plugin | [`Plugin::VERSION`](crate::Plugin::VERSION) |
/// | `PORT` | TCP port to serve on | 8000 |
/// | `HAP_BIND` | IP address to serve on, such as `0.0.0.0` for all | all addresses with a token, `127.0.0.1` without |
/// | `PLATFORM_API_URL` | base address of the platform's API, `http://` | events are only logged |
/// | `HAP_API_TOKEN` | token that callers must show | every caller is accepted but pages of other sites |
/// | `HAP_WEBHOOK_SECRET` | key that signs events | the token authenticates them |
/// | `HAP_DATA_DIR` | writable directory that outlives the process | configuration and events are not kept |
/// | `HAP_CONFIG` | settings of the plugin, a JSON object as for `POST /config` | the type's defaults |
/// | `HAP_CONFIG_<KEY>` | one setting: a text as it is, anything else as JSON; goes before `HAP_CONFIG` | |
///
/// What `POST /config` brings goes before the settings of the environment, key by key.
/// `HAP_CONFIG_POLL_INTERVAL` is the setting `poll_interval`, `pollInterval` or `poll-interval`,
/// whichever the plugin has.
///
/// ```
/// use std::time::Duration;
/// use hap_plugin::{PluginId, Settings};
///
/// let settings = Settings::new(PluginId::new("lamp")?).with_command_timeout(Duration::from_secs(5));
/// assert_eq!(settings.plugin_id().as_str(), "lamp");
/// assert_eq!(settings.port(), 8000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) id: PluginId,
    pub(crate) name: String,
    /// `None`: nobody but the program says it.
    version: Option<String>,
    pub(crate) port: u16,
    /// `None`: as the token is there or not.
    pub(crate) bind: Option<IpAddr>,
    pub(crate) platform: Option<PlatformUrl>,
    pub(crate) token: Option<ApiToken>,
    pub(crate) webhook_secret: Option<WebhookSecret>,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) config: ConfigVariables,
    pub(crate) redactor: Redactor,
    pub(crate) limits: Limits,
    /// Takes the events in place of a platform with an address.
    #[cfg(feature = "testing")]
    pub(crate) test_platform: Option<TestPlatform>,
}

/// How much a plugin takes on before it refuses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) command_timeout: Duration,
    pub(crate) concurrent_commands: usize,
    pub(crate) body_bytes: usize,
    pub(crate) shutdown: Duration,
    pub(crate) pending_events: usize,
    pub(crate) pending_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            command_timeout: Duration::from_secs(30),
            concurrent_commands: 64,
            body_bytes: 1024 * 1024,
            shutdown: Duration::from_secs(8),
            pending_events: 10_000,
            pending_bytes: 16 * 1024 * 1024,
        }
    }
}

impl Settings {
    /// Settings of a plugin with this id, on port 8000, without a platform.
    #[must_use]
    pub fn new(id: PluginId) -> Self {
        Self {
            name: id.as_str().to_owned(),
            id,
            version: None,
            port: 8000,
            bind: None,
            platform: None,
            token: None,
            webhook_secret: None,
            data_dir: None,
            config: ConfigVariables::default(),
            redactor: Redactor::default(),
            limits: Limits::default(),
            #[cfg(feature = "testing")]
            test_platform: None,
        }
    }

    /// The same settings with the version that the program says, where nobody else does.
    pub(crate) fn with_program_version(mut self, version: &str) -> Self {
        self.version.get_or_insert_with(|| version.to_owned());
        self
    }

    pub(crate) fn version(&self) -> &str {
        self.version.as_deref().unwrap_or(UNKNOWN_VERSION)
    }

    /// Who the plugin is in its log.
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            plugin_id: self.id.to_string(),
            #[cfg(feature = "otel")]
            version: self.version().to_owned(),
            redactor: self.redactor.clone(),
        }
    }

    /// The plugin's id.
    #[must_use]
    pub fn plugin_id(&self) -> &PluginId {
        &self.id
    }

    /// Keeps what the host has issued out of logs and refusals.
    pub(crate) fn learn_secrets(&self) {
        if let Some(token) = &self.token {
            self.redactor.always(token.expose());
        }
        if let Some(secret) = &self.webhook_secret {
            self.redactor.always(&secret.expose());
        }
    }

    /// The port to serve on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory for what outlives the process.
    #[must_use]
    pub fn data_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref()
    }

    /// The same settings with this display name.
    #[must_use]
    pub fn with_name(self, name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..self
        }
    }

    /// The same settings with this version of the plugin, which goes before
    /// [`Plugin::VERSION`](crate::Plugin::VERSION).
    #[must_use]
    pub fn with_version(self, version: impl Into<String>) -> Self {
        Self {
            version: Some(version.into()),
            ..self
        }
    }

    /// The same settings with this port; 0 lets the system choose one.
    #[must_use]
    pub fn with_port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// The same settings with this address to serve on; all addresses by default where there is a
    /// token, and otherwise `127.0.0.1`, so that nobody else on the network commands a plugin that
    /// its author tries out.
    #[must_use]
    pub fn with_bind(self, address: IpAddr) -> Self {
        Self {
            bind: Some(address),
            ..self
        }
    }

    /// The address to serve on.
    pub(crate) fn address(&self) -> IpAddr {
        let usual = match self.token {
            Some(_) => Ipv4Addr::UNSPECIFIED,
            None => Ipv4Addr::LOCALHOST,
        };
        self.bind.unwrap_or(usual.into())
    }

    /// The same settings with a platform whose API is at this address, such as
    /// `http://172.20.0.1:9000/api/v1`.
    ///
    /// # Errors
    /// Refuses what is not an `http://` address: plugins talk to their host without TLS.
    pub fn with_platform_url(self, url: &str) -> Result<Self, StartError> {
        let platform = PlatformUrl::parse(url).map_err(StartError::lasting)?;
        Ok(Self {
            platform: Some(platform),
            ..self
        })
    }

    #[cfg(feature = "testing")]
    pub(crate) fn with_test_platform(self, platform: TestPlatform) -> Self {
        Self {
            test_platform: Some(platform),
            ..self
        }
    }

    /// The same settings with a token that callers must show.
    #[must_use]
    pub fn with_api_token(self, token: ApiToken) -> Self {
        Self {
            token: Some(token),
            ..self
        }
    }

    /// The same settings with a key that signs events.
    #[must_use]
    pub fn with_webhook_secret(self, secret: WebhookSecret) -> Self {
        Self {
            webhook_secret: Some(secret),
            ..self
        }
    }

    /// The same settings with a directory for the last configuration and for events not yet
    /// delivered.
    #[must_use]
    pub fn with_data_dir(self, dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: Some(dir.into()),
            ..self
        }
    }

    /// The same settings with this configuration below what `POST /config` brings, as `HAP_CONFIG`
    /// has it: a JSON object whose keys go before the type's defaults.
    #[must_use]
    pub fn with_config(mut self, config: &serde_json::Value) -> Self {
        self.config.set_whole(config.to_string());
        self
    }

    /// The same settings with this deadline for commands, status and configuration; 30 s by
    /// default, at most a day.
    #[must_use]
    pub fn with_command_timeout(mut self, timeout: Duration) -> Self {
        self.limits.command_timeout = timeout.min(Duration::from_secs(24 * 60 * 60));
        self
    }

    /// The same settings with this many commands at a time, at least one; 64 by default. More are
    /// refused with 429.
    #[must_use]
    pub fn with_max_concurrent_commands(mut self, commands: usize) -> Self {
        self.limits.concurrent_commands = commands.clamp(1, 10_000);
        self
    }

    /// The same settings with this longest request body in bytes; 1 MiB by default. Longer ones are
    /// refused with 413.
    #[must_use]
    pub fn with_max_body(mut self, bytes: usize) -> Self {
        self.limits.body_bytes = bytes;
        self
    }

    /// The same settings with this time to stop in; 8 s by default, less than the 10 s after which
    /// Docker kills.
    #[must_use]
    pub fn with_shutdown_budget(mut self, budget: Duration) -> Self {
        self.limits.shutdown = budget;
        self
    }

    /// The same settings with room for this many undelivered events and bytes; 10,000 and 16 MiB by
    /// default.
    ///
    /// When either is used up [`Context::emit`](crate::Context::emit) fails, so that what was
    /// accepted is never thrown away.
    #[must_use]
    pub fn with_max_pending_events(mut self, events: usize, bytes: u64) -> Self {
        self.limits.pending_events = events;
        self.limits.pending_bytes = bytes;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_token_a_plugin_is_served_on_loopback_unless_told_otherwise() {
        let settings = Settings::new(PluginId::new("lamp").unwrap());
        assert_eq!(settings.address(), Ipv4Addr::LOCALHOST);
        let all = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        assert_eq!(settings.clone().with_bind(all).address(), all);
        let settings = settings.with_api_token(ApiToken::from_bytes(&[7; 32]));
        assert_eq!(settings.address(), all);
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert_eq!(settings.with_bind(local).address(), local);
    }
}
