//! [`Config`].

use hap_plugin::Secret;
use hap_plugin::schemars::{self, JsonSchema};
use serde::Deserialize;

/// Which broker, and what to listen to there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Name or address of the broker.
    #[schemars(length(min = 1))]
    pub host: String,
    /// Its port.
    #[serde(default = "port")]
    #[schemars(range(min = 1))]
    pub port: u16,
    /// Who to log in as; without it nobody logs in.
    #[serde(default)]
    pub username: Option<String>,
    /// The password of that user.
    #[serde(default)]
    pub password: Option<Secret<String>>,
    /// Topics whose messages become events; `+` and `#` are wildcards.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub topics: Vec<String>,
}

const fn port() -> u16 {
    1883
}
