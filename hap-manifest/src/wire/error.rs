//! [`WireError`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::object::Map;

/// The body of every refusal.
///
/// ```
/// use hap_manifest::wire::WireError;
///
/// let error = WireError::new("no such device").with_code("unknown_device");
/// assert_eq!(
///     serde_json::to_string(&error)?,
///     r#"{"success":false,"error":"no such device","code":"unknown_device"}"#
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "The body of every refusal.")]
#[non_exhaustive]
pub struct WireError {
    /// False.
    #[serde(default)]
    pub success: bool,
    /// What went wrong, for people; free of internals and secrets.
    #[serde(default)]
    pub error: String,
    /// What went wrong, for programs; stable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// More about it, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// Fields of the object that this version does not know.
    #[serde(flatten)]
    pub extra: Map,
}

impl WireError {
    /// Creates a refusal with this text.
    #[must_use]
    pub fn new(error: impl Into<String>) -> Self {
        Self {
            success: false,
            error: error.into(),
            code: None,
            details: None,
            extra: Map::new(),
        }
    }

    /// Returns the same refusal with a code for programs.
    #[must_use]
    pub fn with_code(self, code: impl Into<String>) -> Self {
        Self {
            code: Some(code.into()),
            ..self
        }
    }

    /// Returns the same refusal with details for programs.
    #[must_use]
    pub fn with_details(self, details: Value) -> Self {
        Self {
            details: Some(details),
            ..self
        }
    }
}
