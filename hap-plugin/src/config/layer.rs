//! [`Layer`]: settings of the environment, below those of a file or a request.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use hap_manifest::wire::Map;
use serde_json::Value;

use crate::config::kinds::Kinds;
use crate::settings::{ConfigVariables, PREFIX, WHOLE};

/// Settings, and which variable each comes from.
#[derive(Clone, Default)]
pub(crate) struct Layer {
    values: Map,
    origins: BTreeMap<String, String>,
}

impl Layer {
    /// Reads the variables by the schema of the configuration, which is null where there is none;
    /// every problem goes into the list. An empty variable is absent. No problem repeats a value: it may be secret.
    pub(crate) fn read(variables: &ConfigVariables, schema: &Value, problems: &mut Vec<String>) -> Self {
        let mut layer = Self::default();
        let keys = Keys::of(schema);
        // As a shell or Compose sets one that nobody gave a value.
        let given = variables.found.iter().filter(|(_, value)| !value.is_empty());
        for (name, value) in given {
            let read = if schema.is_null() {
                Err("this plugin has no configuration; unset it".to_owned())
            } else {
                text(value).and_then(|text| layer.take(&keys, name, text))
            };
            if let Err(problem) = read {
                problems.push(format!("{name}: {problem}"));
            }
        }
        layer
    }

    fn take(&mut self, keys: &Keys<'_>, name: &str, text: &str) -> Result<(), String> {
        let Some(suffix) = name.strip_prefix(PREFIX) else {
            let object: Map = serde_json::from_str(text).map_err(|error| {
                let place = format!("line {}, column {}", error.line(), error.column());
                format!("it is not a JSON object ({place}); write it as POST /config takes it, or unset it")
            })?;
            for (key, value) in object {
                self.set(key, value, name);
            }
            return Ok(());
        };
        let (key, kinds) = keys.find(suffix)?;
        let value = kinds.read(text)?;
        self.set(key, value, name);
        Ok(())
    }

    // The names come in order, so a variable of its own replaces what the whole object said.
    fn set(&mut self, key: String, value: Value, variable: &str) {
        self.origins.insert(key.clone(), variable.to_owned());
        self.values.insert(key, value);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub(crate) fn values(&self) -> &Map {
        &self.values
    }

    /// The settings with those of `above` over them, key by key.
    pub(crate) fn below(&self, above: Map) -> Map {
        let mut merged = self.values.clone();
        merged.extend(above);
        merged
    }

    /// Takes a setting out; the variable it came from.
    pub(crate) fn remove(&mut self, key: &str) -> Option<String> {
        self.values.remove(key);
        self.origins.remove(key)
    }

    /// The variables that have a say, for a message.
    pub(crate) fn names(&self) -> String {
        let mut names: Vec<&str> = self.origins.values().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    }
}

fn text(value: &OsStr) -> Result<&str, String> {
    value
        .to_str()
        .ok_or_else(|| "it is not UTF-8; set it again or unset it".to_owned())
}

/// The settings that a schema knows.
struct Keys<'a> {
    schema: &'a Value,
    properties: Vec<(&'a String, &'a Value)>,
    // Whether there may be others.
    open: bool,
}

impl<'a> Keys<'a> {
    fn of(schema: &'a Value) -> Self {
        let properties: Vec<_> = schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .collect();
        let says_more = ["$ref", "oneOf", "anyOf", "allOf", "if", "patternProperties"];
        let says_more = says_more.iter().any(|key| schema.get(key).is_some());
        let others = schema
            .get("additionalProperties")
            .is_some_and(|others| others != &Value::Bool(false));
        Self {
            schema,
            open: properties.is_empty() || says_more || others,
            properties,
        }
    }

    /// The setting that the rest of a variable's name stands for, and what it may be.
    fn find(&self, suffix: &str) -> Result<(String, Kinds), String> {
        let wanted = plain(suffix);
        let mut fitting = self.properties.iter().filter(|(key, _)| plain(key) == wanted);
        match (fitting.next(), fitting.next()) {
            (Some((key, schema)), None) => Ok(((*key).clone(), Kinds::of(self.schema, schema))),
            (Some((one, _)), Some((other, _))) => Err(format!(
                "it may stand for `{one}` or `{other}`; set them in {WHOLE}, as a JSON object"
            )),
            (None, _) if self.open => Ok((suffix.to_ascii_lowercase(), Kinds::default())),
            (None, _) => {
                let known: Vec<_> = self.properties.iter().map(|(key, _)| variable(key)).collect();
                Err(format!(
                    "there is no such setting; there are {}",
                    known.join(", ")
                ))
            }
        }
    }
}

/// `pollInterval`, `poll-interval` and `POLL_INTERVAL` are the same setting.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// The variable of a setting: `HAP_CONFIG_POLL_INTERVAL` for `poll_interval`, `pollInterval` or
/// `poll-interval`.
pub(crate) fn variable(key: &str) -> String {
    let mut name = PREFIX.to_owned();
    let mut before_lower = false;
    for c in key.chars() {
        if c.is_uppercase() && before_lower {
            name.push('_');
        }
        before_lower = c.is_lowercase() || c.is_numeric();
        if c.is_alphanumeric() {
            name.extend(c.to_uppercase());
        } else {
            name.push('_');
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use serde_json::json;

    use super::*;

    fn read(schema: &Value, variables: &[(&str, &str)]) -> Result<Map, Vec<String>> {
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect();
        let found = ConfigVariables::of(variables.iter().map(|(name, value)| (name, value)));
        let mut problems = Vec::new();
        let layer = Layer::read(&found, schema, &mut problems);
        if problems.is_empty() {
            Ok(layer.values)
        } else {
            Err(problems)
        }
    }

    fn lamp() -> Value {
        json!({"type": "object", "properties": {
            "level": {"type": "integer"},
            "pollInterval": {"type": "integer"},
            "host-name": {"type": "string"},
        }})
    }

    #[test]
    fn settings_are_found_under_the_names_of_the_environment() {
        let variables = [
            ("HAP_CONFIG", r#"{"level": 1, "more": [2]}"#),
            ("HAP_CONFIG_LEVEL", "3"),
            ("HAP_CONFIG_POLL_INTERVAL", "60"),
            ("HAP_CONFIG_HOST_NAME", "77"),
            ("HAP_CONFIGURATION", "not ours"),
        ];
        let expected = json!({"level": 3, "more": [2], "pollInterval": 60, "host-name": "77"});
        assert_eq!(Value::Object(read(&lamp(), &variables).unwrap()), expected);
        for key in ["pollInterval", "poll_interval", "poll-interval"] {
            assert_eq!(variable(key), "HAP_CONFIG_POLL_INTERVAL");
        }
    }

    #[test]
    fn every_problem_names_its_variable_and_no_value() {
        let problems = read(
            &lamp(),
            &[
                ("HAP_CONFIG", "hunter2"),
                ("HAP_CONFIG_LEVEL", "hunter2"),
                ("HAP_CONFIG_LEVLE", "hunter2"),
            ],
        )
        .unwrap_err();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[0].starts_with("HAP_CONFIG: it is not a JSON object"));
        assert!(problems[1].starts_with("HAP_CONFIG_LEVEL: it is not a whole number"));
        assert!(problems[2].contains("HAP_CONFIG_POLL_INTERVAL"));
        assert!(!problems.concat().contains("hunter2"), "{problems:?}");
        let none = read(&Value::Null, &[("HAP_CONFIG", "{}")]).unwrap_err();
        assert!(none[0].contains("has no configuration"), "{none:?}");
    }

    #[test]
    fn a_name_for_two_settings_is_refused_and_a_plugin_of_any_settings_takes_any_name() {
        let both = json!({"properties": {"a_b": {"type": "integer"}, "a-b": {"type": "integer"}}});
        let problems = read(&both, &[("HAP_CONFIG_A_B", "1")]).unwrap_err();
        assert!(problems[0].contains("it may stand for `a"), "{problems:?}");
        let any = read(&json!({}), &[("HAP_CONFIG_LEVEL", "1"), ("HAP_CONFIG_NAME", "x")]).unwrap();
        assert_eq!(Value::Object(any), json!({"level": 1, "name": "x"}));
    }
}
