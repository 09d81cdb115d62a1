//! What a plugin means by a refusal, in whatever shape its author wrote it.

use hap_manifest::wire::WireError;
use serde_json::{Map, Value};

/// Where a text for people is found: the protocol's own name first, then those of common frameworks
/// and of RFC 9457.
const TEXTS: [&str; 5] = ["error", "message", "detail", "title", "description"];

/// Reads an object as a refusal: its text wherever it is, its code whatever its type. `None` where it
/// says nothing.
pub(super) fn read(value: Value) -> Option<WireError> {
    let Value::Object(mut fields) = value else {
        return None;
    };
    let text = text_of(&fields).or_else(|| rest(fields.get("error")?))?;
    let code = fields.get("code").and_then(scalar);
    let nested = fields.get("error").and_then(|error| scalar(error.get("code")?));
    let mut wire = WireError::new(text);
    wire.code = code.or(nested);
    for name in ["success", "code"] {
        fields.remove(name);
    }
    let error = fields
        .remove("error")
        .filter(|error| error.is_object() || error.is_array());
    // What a plugin says in a structure stays one for programs.
    wire.details = fields
        .remove("details")
        .filter(|value| !value.is_null())
        .or(error);
    for (name, value) in fields {
        wire.extra.insert(name, value);
    }
    Some(wire)
}

/// The same for a value that is read for its text alone.
pub(super) fn text_of(fields: &Map<String, Value>) -> Option<String> {
    TEXTS.iter().find_map(|name| words(fields.get(*name)?))
}

fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim())
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
        Value::Object(fields) => text_of(fields),
        Value::Array(items) => {
            let words: Vec<_> = items.iter().filter_map(words).collect();
            Some(words.join("; ")).filter(|words| !words.is_empty())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// An error without words, as it was written.
fn rest(error: &Value) -> Option<String> {
    let says_nothing = match error {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Number(_) => false,
    };
    (!says_nothing).then(|| error.to_string())
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
