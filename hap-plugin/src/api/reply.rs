//! [`Reply`], what a command answers.

use hap_manifest::wire::{CommandResponse, Map};
use serde::Serialize;
use serde_json::Value;

use crate::error::Result;

/// The outcome of a command: a sentence for people or any JSON, and optionally data for programs.
///
/// ```
/// use hap_plugin::Reply;
///
/// let reply = Reply::text("the lamp is on").with_data("brightness", 40);
/// # let _ = reply;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    result: Value,
    data: Option<Map>,
}

impl Reply {
    /// A sentence for people.
    pub fn text(text: impl Into<String>) -> Self {
        Self::from(Value::String(text.into()))
    }

    /// Any value that can be written as JSON.
    ///
    /// # Errors
    /// Fails where JSON cannot hold the value, as with a map whose keys are not texts.
    pub fn json(value: impl Serialize) -> Result<Self> {
        Ok(Self::from(serde_json::to_value(value)?))
    }

    /// The same reply with one more entry in its `data` object.
    #[must_use]
    pub fn with_data(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.data.get_or_insert_default().insert(key.into(), value.into());
        self
    }

    pub(crate) fn into_response(self) -> CommandResponse {
        let response = CommandResponse::ok(self.result);
        match self.data {
            Some(data) => response.with_data(data),
            None => response,
        }
    }
}

impl From<Value> for Reply {
    fn from(result: Value) -> Self {
        Self { result, data: None }
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}
