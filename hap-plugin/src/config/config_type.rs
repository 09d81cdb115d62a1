//! [`ConfigType`], what the configuration of a plugin has to be, and [`NoConfig`] for a plugin that
//! has none.
//!
//! The trait is there for what the compiler says of it, as those of commands and status are.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What settings are read into: every type that `serde` reads, `schemars` describes, and threads
/// share.
///
/// Nobody has to implement it. A struct with `#[derive(serde::Deserialize, schemars::JsonSchema)]`
/// is one.
///
/// ```
/// use hap_plugin::{Secret, schemars};
///
/// #[derive(Default, serde::Deserialize, schemars::JsonSchema)]
/// #[serde(default, deny_unknown_fields)]
/// struct Config {
///     volume: u8,
///     password: Option<Secret<String>>,
/// }
///
/// fn is_one<C: hap_plugin::ConfigType>() {}
/// is_one::<Config>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the configuration of a plugin",
    label = "it cannot be read from JSON, has no schema, or cannot be shared between threads",
    note = "derive both on the struct: #[derive(serde::Deserialize, schemars::JsonSchema)]",
    note = "a plugin without settings has `hap_plugin::NoConfig`, one that takes any has `serde_json::Value`"
)]
pub trait ConfigType: Sized {
    #[doc(hidden)]
    fn schema(settings: SchemaSettings) -> Value;
    #[doc(hidden)]
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema + Send + Sync + 'static> ConfigType for T {
    fn schema(settings: SchemaSettings) -> Value {
        settings.into_generator().into_root_schema_for::<T>().to_value()
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer)
    }
}

/// A configuration, for functions that read whatever `serde` reads.
pub(crate) struct Readable<C>(pub(crate) C);

impl<'de, C: ConfigType> Deserialize<'de> for Readable<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        C::read(deserializer).map(Self)
    }
}

/// The configuration of a plugin that has none.
///
/// It reads from anything, so that the refusal says that there is no configuration rather than what
/// is wrong with this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoConfig;

impl<'de> Deserialize<'de> for NoConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl JsonSchema for NoConfig {
    fn schema_name() -> Cow<'static, str> {
        "NoConfig".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "not": {} })
    }
}
