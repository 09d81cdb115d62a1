//! Which values of a configuration are secret.

use serde_json::Value;

/// How deep values and references are followed.
const DEPTH: usize = 64;

/// Whether a schema marks anything in it as secret.
pub(super) fn any(schema: &Value) -> bool {
    match schema {
        Value::Object(object) => is_marked(schema) || object.values().any(any),
        Value::Array(list) => list.iter().any(any),
        _ => false,
    }
}

/// The texts and numbers that the schema marks `writeOnly` or `"format": "password"`.
pub(super) fn values(schema: &Value, config: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(schema, schema, config, DEPTH, &mut found);
    found
}

fn is_marked(schema: &Value) -> bool {
    schema.get("writeOnly") == Some(&Value::Bool(true))
        || schema.get("format").and_then(Value::as_str) == Some("password")
}

fn collect(root: &Value, schema: &Value, value: &Value, depth: usize, found: &mut Vec<String>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    if is_marked(schema) {
        return everything(value, found);
    }
    let mut go = |schema: &Value, value: &Value| collect(root, schema, value, depth, found);
    let target = schema.get("$ref").and_then(Value::as_str);
    if let Some(target) = target.and_then(|target| root.pointer(target.strip_prefix('#')?)) {
        go(target, value);
    }
    for combination in ["anyOf", "oneOf", "allOf"] {
        let parts = schema.get(combination).and_then(Value::as_array);
        parts.into_iter().flatten().for_each(|part| go(part, value));
    }
    match value {
        Value::Object(object) => {
            let properties = schema.get("properties");
            let others = schema.get("additionalProperties");
            for (key, value) in object {
                let property = properties.and_then(|properties| properties.get(key));
                if let Some(schema) = property.or(others) {
                    go(schema, value);
                }
            }
        }
        Value::Array(list) => {
            let first = schema.get("prefixItems").and_then(Value::as_array);
            for (index, value) in list.iter().enumerate() {
                let item = first.and_then(|first| first.get(index));
                if let Some(schema) = item.or_else(|| schema.get("items")) {
                    go(schema, value);
                }
            }
        }
        _ => {}
    }
}

fn everything(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => found.push(number.to_string()),
        Value::String(text) => found.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|value| everything(value, found)),
        Value::Object(object) => object.values().for_each(|value| everything(value, found)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::decode::Secret;

    #[derive(schemars::JsonSchema)]
    #[expect(dead_code, reason = "only the schema is of use")]
    struct Config {
        user: String,
        password: Option<Secret<String>>,
        bridges: Vec<Bridge>,
        keys: BTreeMap<String, Secret<String>>,
        pair: Secret<(String, u32)>,
    }

    #[derive(schemars::JsonSchema)]
    #[serde(tag = "kind")]
    #[expect(dead_code, reason = "only the schema is of use")]
    enum Bridge {
        Local { pin: Secret<u32> },
        Cloud { token: Secret<String>, region: String },
    }

    #[test]
    fn secrets_are_found_wherever_the_type_has_them() {
        let schema = schemars::schema_for!(Config).to_value();
        assert!(any(&schema));
        let config = json!({
            "user": "ada",
            "password": "one",
            "bridges": [{"kind": "Local", "pin": 2}, {"kind": "Cloud", "token": "three", "region": "eu"}],
            "keys": {"a": "four"},
            "pair": ["five", 6],
            "unknown": "seven",
        });
        let mut found = values(&schema, &config);
        found.sort();
        found.dedup();
        assert_eq!(found, ["2", "6", "five", "four", "one", "three"]);
        assert!(!any(&schemars::schema_for!(BTreeMap<String, String>).to_value()));
    }
}
