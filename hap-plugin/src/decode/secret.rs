//! [`Secret`], a value that no output shows.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;

use crate::decode::reason::UNFIT_SECRET;

/// A password, a token or any other value that must not be shown, as a field of a configuration or
/// of a command.
///
/// Its `Debug` hides the value, and there is no `Display` and no `Serialize`: a status or an event
/// that would show it does not compile (skip the field with `#[serde(skip_serializing)]`). A value
/// that does not fit is refused without being repeated. The schema marks it `writeOnly`, and a text
/// also `"format": "password"`, so that hosts hide it too. While the plugin runs under
/// [`run`](crate::run), the texts of its configuration's secrets are also taken out of every log
/// line and every refusal, whoever wrote them there. With it, `secrets` in the manifest need not list
/// the setting: hosts read the schema's marks. `secrets` is for schemas that are written by hand, and
/// for a secret whose type cannot be this one.
///
/// ```
/// use hap_plugin::Secret;
///
/// #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
/// struct Config {
///     user: String,
///     password: Secret<String>,
/// }
///
/// let config: Config = serde_json::from_str(r#"{"user": "ada", "password": "hunter2"}"#)?;
/// assert_eq!(config.password.expose(), "hunter2");
/// assert_eq!(format!("{config:?}"), r#"Config { user: "ada", password: Secret(***) }"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Hides a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for whom it is meant. Keep it out of logs and messages.
    #[must_use]
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer)
            .map(Self)
            // Whoever wrote the inner type's message did not know that the value is secret.
            .map_err(|_| D::Error::custom(UNFIT_SECRET))
    }
}

impl<T: JsonSchema> JsonSchema for Secret<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Secret_{}", T::schema_name()).into()
    }

    fn schema_id() -> Cow<'static, str> {
        format!("{}::Secret<{}>", module_path!(), T::schema_id()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = generator.subschema_for::<T>();
        let text = schema.get("type").and_then(Value::as_str) == Some("string");
        schema.insert("writeOnly".to_owned(), true.into());
        if text {
            schema.insert("format".to_owned(), "password".into());
        }
        schema
    }
}
