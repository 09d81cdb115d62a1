//! [`CommandType`] and [`StatusType`]: what two types of a plugin have to be; the third is
//! [`ConfigType`](crate::ConfigType).
//!
//! They are there for what the compiler says: the traits of other crates cannot be given our
//! advice, and ours is shown only where nothing else asks for those traits. So what is needed of
//! them is a method here.

use std::borrow::Cow;

use hap_manifest::wire::{CommandRequest, CommandSchemaError, CommandSet, DecodeError};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::decode::Mismatch;
use crate::error::Fault;

/// What commands are read into: every type that `serde` reads, `schemars` describes, and threads
/// hand to each other.
///
/// Nobody has to implement it. An enum with `#[derive(serde::Deserialize, schemars::JsonSchema)]`
/// and `#[serde(tag = "command", content = "params", rename_all = "snake_case")]` is one.
///
/// ```
/// use hap_plugin::schemars;
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// #[serde(tag = "command", content = "params", rename_all = "snake_case")]
/// enum Command {
///     /// Sent as `{"command": "turn_off"}`.
///     TurnOff,
///     /// Sent as `{"command": "set_level", "params": {"level": 40}}`.
///     SetLevel { level: u8 },
/// }
///
/// fn is_one<C: hap_plugin::CommandType>() {}
/// is_one::<Command>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the commands of a plugin",
    label = "it cannot be read from JSON, has no schema, or is not `Send`",
    note = "derive both on the enum, and let it name its commands on the wire:\n\
            #[derive(serde::Deserialize, schemars::JsonSchema)]\n\
            #[serde(tag = \"command\", content = \"params\", rename_all = \"snake_case\")]",
    note = "a plugin without commands has `hap_plugin::NoCommand`, one that takes any has `hap_plugin::wire::CommandRequest`"
)]
pub trait CommandType: Sized {
    #[doc(hidden)]
    fn set() -> Result<CommandSet, CommandSchemaError>;
    #[doc(hidden)]
    fn decode(set: &CommandSet, request: CommandRequest) -> Result<Self, DecodeError>;
    #[doc(hidden)]
    fn refusal(set: &CommandSet, request: &CommandRequest) -> Fault;
    #[doc(hidden)]
    fn decode_plain(set: &CommandSet, body: &[u8]) -> Option<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema + Send + 'static> CommandType for T {
    fn set() -> Result<CommandSet, CommandSchemaError> {
        CommandSet::of::<T>()
    }

    fn decode(set: &CommandSet, request: CommandRequest) -> Result<Self, DecodeError> {
        set.decode(request)
    }

    fn refusal(set: &CommandSet, request: &CommandRequest) -> Fault {
        let mut value = json!({ "command": request.command, "params": params_of(request) });
        if let (None, Some(object)) = (set.names(), value.as_object_mut()) {
            object.extend(request.extra.clone());
        }
        Mismatch::of::<Self>(&value, set.schema(), None).into_command_fault(&request.command)
    }

    fn decode_plain(set: &CommandSet, body: &[u8]) -> Option<Self> {
        // What is ignored has to be text too.
        let text = str::from_utf8(body).ok()?;
        let head: Head<'_> = serde_json::from_str(text).ok()?;
        head.params?;
        let is_known = set.names()?.iter().any(|name| *name == head.command);
        is_known.then(|| serde_json::from_str(text).ok()).flatten()
    }
}

/// No parameters are an empty object, as [`CommandSet::decode`] reads them.
fn params_of(request: &CommandRequest) -> Value {
    match &request.params {
        Value::Null => json!({}),
        params => params.clone(),
    }
}

/// What has to be known of a command before its type reads it straight from the text.
///
/// Absent and `null` parameters mean an empty object, and a name that the type would take and does
/// not tell is unknown: both are for [`CommandSet::decode`] alone, and so is everything that the
/// type refuses.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    command: Cow<'a, str>,
    params: Option<IgnoredAny>,
}

/// What the status is shown from: every type that `serde` writes, `schemars` describes, and threads
/// hand to each other.
///
/// Nobody has to implement it. A struct with `#[derive(serde::Serialize, schemars::JsonSchema)]` is
/// one.
///
/// ```
/// use hap_plugin::schemars;
///
/// #[derive(serde::Serialize, schemars::JsonSchema)]
/// struct Status {
///     on: bool,
///     level: u8,
/// }
///
/// fn is_one<S: hap_plugin::StatusType>() {}
/// is_one::<Status>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the status of a plugin",
    label = "it cannot be written as JSON, has no schema, or is not `Send`",
    note = "derive both on the struct: #[derive(serde::Serialize, schemars::JsonSchema)]",
    note = "a plugin without a status has `hap_plugin::NoStatus`"
)]
pub trait StatusType: Sized {
    #[doc(hidden)]
    fn schema(settings: SchemaSettings) -> Value;
    #[doc(hidden)]
    fn written(&self) -> serde_json::Result<Value>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + JsonSchema + Send + 'static> StatusType for T {
    fn schema(settings: SchemaSettings) -> Value {
        settings.into_generator().into_root_schema_for::<T>().to_value()
    }

    fn written(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    #[serde(tag = "command", content = "params", rename_all = "snake_case")]
    enum Command {
        Ring,
        #[serde(alias = "fade")]
        Dim {
            level: u8,
            #[serde(default)]
            note: String,
        },
        Set(Option<Settings>),
    }

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    struct Settings {
        #[serde(default)]
        on: bool,
    }

    #[test]
    fn a_command_read_straight_is_what_reading_with_care_gives() {
        let set = Command::set().unwrap();
        let mut straight = 0;
        for body in [
            r#"{"command":"dim","params":{"level":40}}"#,
            r#"{"params":{"note":"a\"b\u00e9","level":40},"more":[{}],"command":"dim"}"#,
            r#"{"command":"d\u0069m","params":{"level":1,"unknown":null}}"#,
            r#"{"command":"set","params":{"on":true}}"#,
            r#"{"command":"set","params":{}}"#,
            // From here on only with care.
            r#"{"command":"ring","params":{}}"#,
            r#"{"command":"ring"}"#,
            r#"{"command":"set","params":null}"#,
            r#"{"command":"set"}"#,
            r#"{"command":"fade","params":{"level":40}}"#,
            r#"{"command":"dim","params":{"level":300}}"#,
            r#"{"command":"dim","params":{"level":1,"level":2}}"#,
            r#"{"command":"dim","params":{}}"#,
        ] {
            let plain = Command::decode_plain(&set, body.as_bytes());
            let with_care = Command::decode(&set, serde_json::from_str(body).unwrap());
            if let Some(plain) = plain {
                assert_eq!(Ok(plain), with_care, "{body}");
                straight += 1;
            }
        }
        assert_eq!(straight, 5);
    }

    #[test]
    fn what_is_no_command_is_not_read_straight() {
        let set = Command::set().unwrap();
        for body in [
            &b"{\"command\":\"dim\",\"params\":{\"level\":4},\"x\":\"\xff\"}"[..],
            b"{\"command\":\"dim\",\"params\":{\"level\":4}} x",
            b"{\"command\":\"dim\",\"command\":\"dim\",\"params\":{\"level\":4}}",
            b"[]",
            b"",
        ] {
            assert_eq!(Command::decode_plain(&set, body), None);
        }
        // A type that takes any command is given the whole of it.
        let any = CommandRequest::set().unwrap();
        let body = json!({"command": "dim", "params": {"level": 4}}).to_string();
        assert!(CommandRequest::decode_plain(&any, body.as_bytes()).is_none());
    }
}
