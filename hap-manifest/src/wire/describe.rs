//! [`Describe`].

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Number, Value};

use super::object::Map;
use crate::value::number::whole;

/// The version of these shapes, as [`Describe`] announces it.
pub const PROTOCOL_VERSION: u32 = 1;

/// What a plugin says about itself: protocol versions and JSON Schemas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Describe {
    /// The protocol versions it speaks.
    #[serde(default, deserialize_with = "versions")]
    #[schemars(with = "Vec<ProtocolVersion>")]
    pub protocol: Vec<u32>,
    /// The plugin's id.
    #[serde(default)]
    pub plugin_id: String,
    /// The plugin's version.
    #[serde(default)]
    pub version: String,
    /// JSON Schema of the command object; `Null` when unknown.
    #[serde(default)]
    pub commands: Value,
    /// JSON Schema of the configuration; `Null` when there is none.
    #[serde(default)]
    pub config: Value,
    /// JSON Schema of the status data; `Null` when there is none.
    #[serde(default)]
    pub status: Value,
    /// Fields of the object that this version does not know.
    #[serde(flatten)]
    pub extra: Map,
}

/// A version of the protocol, for the schema.
#[derive(JsonSchema)]
#[schemars(inline, transparent)]
struct ProtocolVersion(
    #[schemars(range(min = 0, max = 4_294_967_295_u32), transform = crate::value::newtype::without_format)]
    #[expect(dead_code, reason = "only the schema is of use")]
    u32,
);

/// Reads them as the schema has it: `1.0` is a whole number too.
fn versions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    let numbers = Vec::<Number>::deserialize(deserializer)?;
    numbers
        .iter()
        .map(|number| {
            whole(number)
                .and_then(|version| u32::try_from(version).ok())
                .ok_or_else(|| D::Error::custom(format_args!("{number} is not a version of the protocol")))
        })
        .collect()
}

impl Describe {
    /// Creates a description in the current protocol version, without schemas.
    #[must_use]
    pub fn new(plugin_id: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            protocol: vec![PROTOCOL_VERSION],
            plugin_id: plugin_id.into(),
            version: version.into(),
            commands: Value::Null,
            config: Value::Null,
            status: Value::Null,
            extra: Map::new(),
        }
    }

    /// Returns the same description with the schema of commands.
    #[must_use]
    pub fn with_commands(self, commands: Value) -> Self {
        Self { commands, ..self }
    }

    /// Returns the same description with the schema of the configuration.
    #[must_use]
    pub fn with_config(self, config: Value) -> Self {
        Self { config, ..self }
    }

    /// Returns the same description with the schema of the status data.
    #[must_use]
    pub fn with_status(self, status: Value) -> Self {
        Self { status, ..self }
    }
}
