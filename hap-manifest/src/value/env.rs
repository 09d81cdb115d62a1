//! Names of the environment variables a host gives every plugin, and [`EnvName`].
//!
//! A manifest's `env_vars` come after these and cannot override them: see [`RESERVED`].

use super::error::{ParseError, first_refused, quoted, too_long};
use super::newtype::text_newtype;

/// The plugin's id.
pub const PLUGIN_ID: &str = "PLUGIN_ID";
/// The plugin's display name.
pub const PLUGIN_NAME: &str = "PLUGIN_NAME";
/// The plugin's version, as its manifest writes it.
pub const PLUGIN_VERSION: &str = "PLUGIN_VERSION";
/// The TCP port to serve the API on, the manifest's `api_port`.
pub const PORT: &str = "PORT";
/// Base address of the platform's API, ending in `/api/v1`.
pub const PLATFORM_API_URL: &str = "PLATFORM_API_URL";
/// The token that the platform sends with every call and accepts in return; see
/// [`ApiToken`](crate::ApiToken).
pub const HAP_API_TOKEN: &str = "HAP_API_TOKEN";
/// The key that signs the plugin's webhooks; see [`WebhookSecret`](crate::WebhookSecret).
pub const HAP_WEBHOOK_SECRET: &str = "HAP_WEBHOOK_SECRET";
/// The directory for data that outlives the container; set only where the plugin has a volume.
pub const HAP_DATA_DIR: &str = "HAP_DATA_DIR";

/// All names that a manifest may not set itself.
pub const RESERVED: &[&str] = &[
    PLUGIN_ID,
    PLUGIN_NAME,
    PLUGIN_VERSION,
    PORT,
    PLATFORM_API_URL,
    HAP_API_TOKEN,
    HAP_WEBHOOK_SECRET,
    HAP_DATA_DIR,
];

/// Names an environment variable: a letter or `_`, then letters, digits, `_`, `.` and `-`; at most 255
/// characters. A manifest with `.` or `-` in a name gets a warning, since no shell reads it.
///
/// ```
/// use hap_manifest::EnvName;
///
/// let name: EnvName = "MQTT_HOST".parse()?;
/// assert!(!name.is_reserved());
/// assert!("PORT".parse::<EnvName>()?.is_reserved());
/// assert!("2ND".parse::<EnvName>().is_err());
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvName(Box<str>);

impl EnvName {
    const WHAT: &str = "environment variable name";

    /// Returns whether the host sets this variable itself, so that a manifest may not.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        RESERVED.contains(&self.as_str())
    }

    /// Returns whether a shell reads this variable.
    pub(crate) fn is_portable(&self) -> bool {
        !self.0.contains(['.', '-'])
    }

    fn parse(text: &str) -> Result<Self, ParseError> {
        let refuse = |rule: String| {
            let error = ParseError::new(Self::WHAT, quoted(text), rule);
            Err(error.with_help("use letters, digits and '_', for example \"MQTT_HOST\""))
        };
        if text.is_empty() {
            return refuse("it is empty".to_owned());
        }
        if let Some((position, found)) =
            first_refused(text, |c| c.is_ascii_alphanumeric() || "_.-".contains(c))
        {
            return refuse(format!(
                "{found:?} at position {position} is not a letter, a digit, '_', '.' or '-'"
            ));
        }
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return refuse("it must not begin with a digit".to_owned());
        }
        if text.starts_with(['.', '-']) {
            return refuse("it must begin with a letter or '_'".to_owned());
        }
        if text.len() > 255 {
            return refuse(too_long(text.len(), "characters", 255));
        }
        Ok(Self(text.into()))
    }
}

text_newtype!(
    EnvName,
    max: 255,
    pattern: "^[A-Za-z_][A-Za-z0-9_.-]*$",
    about: "Name of an environment variable.",
    examples: ["MQTT_HOST"],
);
