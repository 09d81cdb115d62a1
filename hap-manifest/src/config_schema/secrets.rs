use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::bounds::{nameless, parts, target};
use crate::json::pointer::unescaped;
use crate::value::path::covers;

/// Replaces a secret value.
const REDACTED: &str = "***";

/// Which values of the settings are secret.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    /// Top-level keys that the manifest names. One that begins with a slash is a JSON pointer as
    /// well.
    keys: BTreeSet<String>,
    /// Properties that the schema marks somewhere. They are secret wherever they occur: hiding one
    /// too many does no harm.
    names: BTreeSet<String>,
    /// Values that have no name in the schema are marked, at its top.
    all: bool,
}

impl Secrets {
    pub(super) fn of(schema: &Value, keys: impl Iterator<Item = String>) -> Self {
        let mut names = BTreeSet::new();
        collect(schema, schema, &mut names);
        Self {
            keys: keys.collect(),
            names,
            all: is_marked(schema, schema),
        }
    }

    pub(super) fn cover(&self, pointer: &str) -> bool {
        let mut tokens = pointer.split('/').skip(1).map(unescaped);
        let Some(first) = tokens.next() else {
            return self.all;
        };
        self.all
            || self.pointers().any(|outer| covers(outer, pointer))
            || self.keys.contains(&first)
            || self.names.contains(&first)
            || tokens.any(|token| self.names.contains(&token))
    }

    pub(super) fn redact(&self, config: &Value) -> Value {
        let mut shown = match config {
            Value::Object(map) => {
                Value::Object(self.redact_map(map, |key| self.all || self.keys.contains(key)))
            }
            other => self.redact_below(other),
        };
        for pointer in self.pointers() {
            if let Some(value) = shown.pointer_mut(pointer).filter(|value| !value.is_null()) {
                *value = REDACTED.into();
            }
        }
        shown
    }

    fn pointers(&self) -> impl Iterator<Item = &str> {
        self.keys
            .iter()
            .map(String::as_str)
            .filter(|key| key.starts_with('/'))
    }

    fn redact_below(&self, value: &Value) -> Value {
        match value {
            Value::Object(map) => Value::Object(self.redact_map(map, |_| false)),
            Value::Array(items) => items.iter().map(|item| self.redact_below(item)).collect(),
            other => other.clone(),
        }
    }

    fn redact_map(&self, map: &Map<String, Value>, named: impl Fn(&str) -> bool) -> Map<String, Value> {
        map.iter()
            .map(|(key, value)| {
                let value = if value.is_null() {
                    Value::Null
                } else if named(key) || self.names.contains(key) {
                    REDACTED.into()
                } else {
                    self.redact_below(value)
                };
                (key.clone(), value)
            })
            .collect()
    }
}

fn collect(root: &Value, schema: &Value, names: &mut BTreeSet<String>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let marked = properties
            .iter()
            .filter(|(_, property)| is_marked(root, property));
        names.extend(marked.map(|(name, _)| name.clone()));
    }
    for part in parts(schema) {
        collect(root, part, names);
    }
}

/// Returns whether a schema, what it refers to, or a part of it that has no name of its own says
/// that the value is not to be shown. The parts of a property are looked at with that property. The
/// bounds have refused circles.
pub(super) fn is_marked(root: &Value, schema: &Value) -> bool {
    let write_only = schema.get("writeOnly") == Some(&Value::Bool(true));
    if write_only || schema.get("format").is_some_and(|format| format == "password") {
        return true;
    }
    target(root, schema).is_ok_and(|target| target.is_some_and(|target| is_marked(root, target)))
        || nameless(schema).any(|part| is_marked(root, part))
}
