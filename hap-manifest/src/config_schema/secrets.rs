use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::bounds::{parts, target};

/// What stands in the place of a secret value.
const REDACTED: &str = "***";

/// Which values of the settings are secret.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    /// Top-level keys that the manifest names.
    keys: BTreeSet<String>,
    /// Properties that the schema marks somewhere. Secret wherever they occur: one too many hidden does no harm.
    names: BTreeSet<String>,
}

impl Secrets {
    pub(super) fn of(schema: &Value, keys: impl Iterator<Item = String>) -> Self {
        let mut names = BTreeSet::new();
        collect(schema, schema, &mut names);
        Self {
            keys: keys.collect(),
            names,
        }
    }

    pub(super) fn cover(&self, pointer: &str) -> bool {
        let mut tokens = pointer
            .split('/')
            .skip(1)
            .map(|token| token.replace("~1", "/").replace("~0", "~"));
        let Some(first) = tokens.next() else { return false };
        self.keys.contains(&first)
            || self.names.contains(&first)
            || tokens.any(|token| self.names.contains(&token))
    }

    pub(super) fn redact(&self, config: &Value) -> Value {
        match config {
            Value::Object(map) => Value::Object(self.redact_map(map, |key| self.keys.contains(key))),
            other => self.redact_below(other),
        }
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

/// Whether a property's schema, or the one it refers to, says that its value is not to be shown.
fn is_marked(root: &Value, property: &Value) -> bool {
    let mut schema = Some(property);
    // The bounds have refused circles; the count is a second lock.
    for _ in 0..100 {
        let Some(here) = schema else { return false };
        let write_only = here.get("writeOnly") == Some(&Value::Bool(true));
        if write_only || here.get("format").is_some_and(|format| format == "password") {
            return true;
        }
        schema = target(root, here).ok().flatten();
    }
    false
}
