//! [`CommandSet`]: the commands of a plugin, known from the schema of its command type.

use std::fmt;

use schemars::{JsonSchema, schema_for};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::command::CommandRequest;
use super::object::{Map, empty_object};
use crate::value::error::quoted;

/// The attribute that gives an enum the shape of commands on the wire.
const ATTRIBUTE: &str = r#"#[serde(tag = "command", content = "params", rename_all = "snake_case")]"#;

/// The commands that a type describes, and its schema.
///
/// ```
/// use hap_manifest::wire::{CommandRequest, CommandSet, DecodeError};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// #[serde(tag = "command", content = "params", rename_all = "snake_case")]
/// enum Command {
///     TurnOn,
///     SetLevel { level: u8 },
/// }
///
/// let commands = CommandSet::of::<Command>()?;
/// assert_eq!(commands.names().unwrap(), ["turn_on", "set_level"]);
///
/// let request = CommandRequest::new("set_level").with_params(serde_json::json!({"level": 300}));
/// match commands.decode::<Command>(request) {
///     Err(DecodeError::BadParams { path, .. }) => assert_eq!(path, "params.level"),
///     _ => unreachable!(),
/// }
/// # Ok::<(), hap_manifest::wire::CommandSchemaError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSet {
    // `None`: the type takes any command.
    names: Option<Vec<String>>,
    schema: Value,
}

/// A type whose commands are unknown: the enum lacks the attribute that names them on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSchemaError {
    type_name: &'static str,
    problem: &'static str,
}

impl fmt::Display for CommandSchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the command type `{}` {}; add {ATTRIBUTE} to the enum",
            self.type_name, self.problem
        )
    }
}

impl std::error::Error for CommandSchemaError {}

/// Says why a command could not be read.
///
/// Meant for the caller: the message may repeat a parameter, so a log keeps to `command` and
/// `path`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The plugin has no such command.
    #[error("unknown command {}; known commands: {}", quoted(command), known.join(", "))]
    UnknownCommand {
        /// The command asked for.
        command: String,
        /// The commands that exist.
        known: Vec<String>,
    },
    /// The command exists and its parameters do not fit.
    #[error("bad parameters of command {} at `{path}`: {message}", quoted(command))]
    BadParams {
        /// The command asked for.
        command: String,
        /// Where the parameters do not fit, such as `params.level`.
        path: String,
        /// What does not fit there.
        message: String,
    },
}

impl CommandSet {
    /// Reads the commands from the schema of `C`.
    ///
    /// `C` is an adjacently tagged enum, or a type that takes any command, such as
    /// [`CommandRequest`] itself.
    ///
    /// # Errors
    /// Names the attribute that an enum of another shape lacks.
    pub fn of<C: JsonSchema>() -> Result<Self, CommandSchemaError> {
        let schema = schema_for!(C).to_value();
        let wrong = |problem| CommandSchemaError {
            type_name: std::any::type_name::<C>(),
            problem,
        };
        let names = names(&schema)
            .ok_or_else(|| wrong("does not name its commands on the wire: it lacks `tag = \"command\"`"))?;
        if names.is_some() && !has_content(&schema) {
            return Err(wrong(
                "does not take its parameters from `params`: it lacks `content = \"params\"`",
            ));
        }
        Ok(Self { names, schema })
    }

    fn untyped_where_unclear<C: JsonSchema>() -> Self {
        let schema = schema_for!(C).to_value();
        let names = names(&schema).flatten();
        Self { names, schema }
    }

    /// Returns the commands in the order of the enum; `None` if the type takes any.
    #[must_use]
    pub fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    /// Returns the JSON Schema of the whole command object.
    #[must_use]
    pub const fn schema(&self) -> &Value {
        &self.schema
    }

    /// Reads a command as `C`, the type this set was made of.
    ///
    /// Absent, `null` and empty parameters mean the same, both for commands that take parameters
    /// with defaults and for those that take none.
    ///
    /// # Errors
    /// Distinguishes an unknown command from bad parameters.
    pub fn decode<C: DeserializeOwned>(&self, request: CommandRequest) -> Result<C, DecodeError> {
        let CommandRequest {
            command,
            params,
            extra,
        } = request;
        if let Some(names) = &self.names
            && !names.contains(&command)
        {
            return Err(DecodeError::UnknownCommand {
                command,
                known: names.clone(),
            });
        }
        let empty = match &params {
            Value::Null => true,
            Value::Object(object) => object.is_empty(),
            _ => false,
        };
        let mut object = Map::new();
        // The tag goes first, so that serde need not buffer the content and knows the path within
        // it.
        object.insert("command".to_owned(), Value::String(command.clone()));
        object.insert("params".to_owned(), if empty { empty_object() } else { params });
        if self.names.is_none() {
            object.extend(extra);
        }
        let first = read(&object);
        if first.is_err() && empty {
            // A variant without fields refuses an object, and one with fields refuses its absence.
            object.remove("params");
            if let Ok(value) = read(&object) {
                return Ok(value);
            }
        }
        first.map_err(|(path, message)| DecodeError::BadParams {
            command,
            path,
            message,
        })
    }
}

impl CommandRequest {
    /// Reads the command into a plugin's own type; see [`CommandSet::decode`].
    ///
    /// Each call generates the schema of `C`. A server makes a [`CommandSet`] once instead.
    ///
    /// # Errors
    /// Distinguishes an unknown command from bad parameters.
    pub fn decode<C: DeserializeOwned + JsonSchema>(self) -> Result<C, DecodeError> {
        CommandSet::untyped_where_unclear::<C>().decode(self)
    }
}

fn read<C: DeserializeOwned>(object: &Map) -> Result<C, (String, String)> {
    serde_path_to_error::deserialize(object)
        .map_err(|error| (error.path().to_string(), error.inner().to_string()))
}

/// `Some(None)`: any command. `None`: the schema does not say.
fn names(schema: &Value) -> Option<Option<Vec<String>>> {
    if schema == &Value::Bool(true) {
        return Some(None);
    }
    for union in ["oneOf", "anyOf"] {
        if let Some(branches) = schema.get(union).and_then(Value::as_array) {
            return branches.iter().map(name).collect::<Option<Vec<_>>>().map(Some);
        }
    }
    if let Some(name) = name(schema) {
        return Some(Some(vec![name]));
    }
    let command = schema.pointer("/properties/command");
    let any_text = command.is_some_and(|command| command.get("type") == Some(&Value::from("string")));
    let unconstrained = schema.as_object().is_some_and(|object| {
        object
            .keys()
            .all(|key| matches!(key.as_str(), "$schema" | "title" | "description"))
    });
    if any_text || unconstrained {
        return Some(None);
    }
    // An enum without variants: nothing is valid, so there are no commands.
    let nothing = schema == &Value::Bool(false)
        || schema
            .get("not")
            .is_some_and(|not| not.as_object().is_some_and(Map::is_empty))
        || schema
            .get("enum")
            .is_some_and(|values| values.as_array().is_some_and(Vec::is_empty));
    nothing.then(|| Some(Vec::new()))
}

/// Returns whether every command has its parameters in `params`, and none beside `command`.
fn has_content(schema: &Value) -> bool {
    let unions = ["oneOf", "anyOf"]
        .into_iter()
        .filter_map(|union| schema.get(union)?.as_array());
    let mut branches = unions.flatten().chain([schema]);
    branches.all(|branch| {
        let properties = branch.get("properties").and_then(Value::as_object);
        let known = |name: &String| matches!(name.as_str(), "command" | "params");
        branch.get("$ref").is_none() && properties.is_none_or(|properties| properties.keys().all(known))
    })
}

fn name(branch: &Value) -> Option<String> {
    branch
        .pointer("/properties/command/const")
        .and_then(Value::as_str)
        .map(str::to_owned)
}
