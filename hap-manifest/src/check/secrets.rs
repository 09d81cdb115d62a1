//! Keys of the configuration that are kept out of sight.

use serde_json::{Map, Value};

use super::twice;
use crate::IssueCode;
use crate::error::bare;
use crate::fields::Entry;
use crate::report::Issue;
use crate::suggest::nearest;

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

/// A secret that the configuration lacks is a misspelt one, and the real one would be shown.
pub(crate) fn secrets(secrets: &[Entry<'_, String>], schema: Option<&Value>) -> Vec<Issue> {
    let mut issues = Vec::new();
    for (index, secret) in secrets.iter().enumerate() {
        if let Some(earlier) = secrets
            .iter()
            .take(index)
            .find(|earlier| earlier.value == secret.value)
        {
            issues.push(twice(
                secret.at,
                &format!("`{}`", bare(&secret.value)),
                earlier.at,
            ));
        }
    }
    let Some(properties) = schema.and_then(closed_properties) else {
        return issues;
    };
    for secret in secrets
        .iter()
        .filter(|secret| !properties.contains_key(&secret.value))
    {
        let message = format!("`{}` is not a property of `config_schema`", bare(&secret.value));
        let issue = Issue::new(secret.at, IssueCode::UnknownSecret, message);
        issues.push(
            match nearest(&secret.value, properties.keys().map(String::as_str)) {
                Some(name) => issue.with_help(format!("did you mean `{}`?", bare(name))),
                None => issue.with_help("name a top-level key of the configuration"),
            },
        );
    }
    issues
}

/// What an author has to mend about the schema itself.
#[cfg(feature = "config-schema")]
pub(crate) fn config_schema(secrets: &[Entry<'_, String>], schema: Option<&Value>) -> Vec<Issue> {
    let keys = secrets.iter().map(|secret| secret.value.clone());
    schema.map_or_else(Vec::new, |schema| crate::config_schema::issues(schema, keys))
}

#[cfg(not(feature = "config-schema"))]
pub(crate) const fn config_schema(_: &[Entry<'_, String>], _: Option<&Value>) -> Vec<Issue> {
    Vec::new()
}

/// The properties of a schema that names all of them in this one place.
fn closed_properties(schema: &Value) -> Option<&Map<String, Value>> {
    // What is not said allows any other property too, but an author who counts on one says so.
    let others = schema
        .get("additionalProperties")
        .is_some_and(|others| *others != false);
    if others || OPEN.iter().any(|keyword| schema.get(keyword).is_some()) {
        return None;
    }
    schema.get("properties")?.as_object()
}
