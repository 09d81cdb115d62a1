//! Keys of the configuration that are kept out of sight.

use serde_json::{Map, Value};

use super::rules::repeated;
use crate::diagnostics::issue_code::IssueCode;
use crate::diagnostics::report::Issue;
use crate::diagnostics::suggest::nearest;
use crate::json::pointer::{escaped, unescaped};
use crate::manifest::fields::Entry;
use crate::value::error::bare;

/// Keywords by which a schema has properties in other places than `properties`.
const OPEN: [&str; 9] = [
    "$ref",
    "$dynamicRef",
    "allOf",
    "anyOf",
    "oneOf",
    "if",
    "patternProperties",
    "dependentSchemas",
    "unevaluatedProperties",
];

/// What a secret may be.
const EXAMPLE: &str = "name a top-level key of the configuration, or what is deeper in it by a JSON pointer, such as \"/mqtt/password\"";

/// Refuses a secret that the configuration does not have. It is probably misspelt, and the real one
/// would be shown.
pub(crate) fn secrets(secrets: &[Entry<'_, String>], schema: Option<&Value>) -> Vec<Issue> {
    let unknown = |secret: &Entry<'_, String>| {
        let help = missing(schema?, &secret.value)?;
        let message = format!("`{}` is not a property of `config_schema`", bare(&secret.value));
        Some(Issue::new(secret.at, IssueCode::UnknownSecret, message).with_help(help))
    };
    repeated(secrets, String::as_str, |key| format!("`{}`", bare(key)))
        .chain(secrets.iter().filter_map(unknown))
        .collect()
}

/// Returns what to write instead of a secret that the schema does not have; `None` where it has it,
/// or may have.
fn missing(schema: &Value, secret: &str) -> Option<String> {
    let properties = closed_properties(schema)?;
    if properties.contains_key(secret) {
        return None;
    }
    let Some(pointer) = secret.strip_prefix('/') else {
        let with_slash = format!("/{secret}");
        if secret.contains('/') && missing(schema, &with_slash).is_none() {
            return Some(did_you_mean("", &with_slash));
        }
        let meant = nearest(secret, properties.keys().map(String::as_str));
        return Some(meant.map_or_else(|| EXAMPLE.to_owned(), |name| did_you_mean("", name)));
    };
    let (mut at, mut outer) = (schema, String::new());
    for token in pointer.split('/') {
        let inner = match closed_properties(at) {
            Some(properties) => {
                let name = unescaped(token);
                let Some(inner) = properties.get(&name) else {
                    let meant = nearest(&name, properties.keys().map(String::as_str));
                    let meant = meant.map(|name| did_you_mean(&format!("{outer}/"), &escaped(name)));
                    return Some(meant.unwrap_or_else(|| EXAMPLE.to_owned()));
                };
                Some(inner)
            }
            // All entries of a list are alike.
            None => at.get("items"),
        };
        at = inner?;
        outer = format!("{outer}/{token}");
    }
    None
}

fn did_you_mean(outer: &str, name: &str) -> String {
    format!("did you mean `{}`?", bare(&format!("{outer}{name}")))
}

/// Returns what an author has to fix in the schema itself.
#[cfg(feature = "config-schema")]
pub(crate) fn config_schema(secrets: &[Entry<'_, String>], schema: Option<&Value>) -> Vec<Issue> {
    let keys = secrets.iter().map(|secret| secret.value.clone());
    schema.map_or_else(Vec::new, |schema| {
        crate::config_schema::schema::issues(schema, keys)
    })
}

#[cfg(not(feature = "config-schema"))]
pub(crate) const fn config_schema(_: &[Entry<'_, String>], _: Option<&Value>) -> Vec<Issue> {
    Vec::new()
}

/// Returns the properties of a schema that names all of them in this one place.
fn closed_properties(schema: &Value) -> Option<&Map<String, Value>> {
    // A schema that is silent allows other properties too, but an author who relies on one declares
    // it.
    let others = schema
        .get("additionalProperties")
        .is_some_and(|others| *others != false);
    if others || OPEN.iter().any(|keyword| schema.get(keyword).is_some()) {
        return None;
    }
    schema.get("properties")?.as_object()
}
