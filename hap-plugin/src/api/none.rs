//! [`NoCommand`] and [`NoStatus`]: what a plugin does not have.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// The command type of a plugin that takes none. It has no values: `match command {}` is its whole
/// handling.
///
/// ```
/// use hap_plugin::{Context, NoCommand, NoConfig, NoStatus, Plugin, Reply, Result};
///
/// struct Beacon;
///
/// impl Plugin for Beacon {
///     type Config = NoConfig;
///     type Command = NoCommand;
///     type Status = NoStatus;
///
///     async fn command(&self, _: &Context, command: NoCommand) -> Result<Reply> {
///         match command {}
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "matching it without an arm is its purpose"
)]
pub enum NoCommand {}

impl<'de> Deserialize<'de> for NoCommand {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("this plugin takes no commands"))
    }
}

impl JsonSchema for NoCommand {
    fn schema_name() -> Cow<'static, str> {
        "NoCommand".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "not": {} })
    }
}

/// The status of a plugin that has nothing to show: `{}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoStatus;

impl Serialize for NoStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_map(Some(0))?.end()
    }
}

impl JsonSchema for NoStatus {
    fn schema_name() -> Cow<'static, str> {
        "NoStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "maxProperties": 0 })
    }
}
