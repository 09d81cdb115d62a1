//! [`CommandRequest`] and [`CommandResponse`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::object::{Map, yes};

/// A command for a plugin.
///
/// `params` may be absent, `null` or an object when read. A request without parameters is written
/// with `"params": {}`, because plugins exist that look into it without asking whether it is there.
///
/// ```
/// use hap_manifest::wire::CommandRequest;
///
/// let params = serde_json::json!({"device": "light1"});
/// let request = CommandRequest::new("turn_on").with_params(params);
/// assert_eq!(
///     serde_json::to_string(&request)?,
///     r#"{"command":"turn_on","params":{"device":"light1"}}"#
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "A command for a plugin.")]
#[non_exhaustive]
pub struct CommandRequest {
    /// What to do.
    pub command: String,
    /// How to do it; `Null` when absent.
    #[serde(default, serialize_with = "null_as_object")]
    pub params: Value,
    /// Fields of the object that this version does not know.
    #[serde(flatten)]
    pub extra: Map,
}

impl CommandRequest {
    /// Creates a command without parameters.
    #[must_use]
    pub fn new(command: impl Into<String>) -> Self {
        Self {
            command: command.into(),
            params: Value::Null,
            extra: Map::new(),
        }
    }

    /// Returns the same command with these parameters.
    #[must_use]
    pub fn with_params(self, params: Value) -> Self {
        Self { params, ..self }
    }
}

fn null_as_object<S: Serializer>(params: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    match params {
        Value::Null => Map::new().serialize(serializer),
        params => params.serialize(serializer),
    }
}

/// A plugin's answer to a command.
///
/// A body with `"success": false` is a refusal, whatever the HTTP status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct CommandResponse {
    /// Whether the command was carried out; true when absent.
    #[serde(default = "yes")]
    pub success: bool,
    /// The outcome: a sentence for people, or any JSON.
    #[serde(default)]
    pub result: Value,
    /// More about the outcome, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Map>,
    /// Fields of the object that this version does not know.
    #[serde(flatten)]
    pub extra: Map,
}

impl CommandResponse {
    /// Creates a success with this result.
    #[must_use]
    pub fn ok(result: impl Into<Value>) -> Self {
        Self {
            success: true,
            result: result.into(),
            data: None,
            extra: Map::new(),
        }
    }

    /// Returns the same answer with data for programs.
    #[must_use]
    pub fn with_data(self, data: Map) -> Self {
        Self {
            data: Some(data),
            ..self
        }
    }
}
