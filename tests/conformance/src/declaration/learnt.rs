use hap_manifest::{ConfigSchema, wire::CommandRequest};
use serde_json::{Map, Value, json};

use super::{Declaration, Facts};

/// Puts together what is declared and what the plugin told. `may_guess`: it is the suite's own, so commands and settings
/// that its schemas allow may be tried.
pub(crate) fn learn(declaration: Declaration, describe: Option<&Value>, may_guess: bool) -> Facts {
    let inputs = &declaration.inputs;
    let told = |name: &str| {
        describe
            .as_ref()
            .and_then(|told| told.get(name))
            .filter(|told| !told.is_null())
    };
    let mut commands = inputs.commands.clone();
    if commands.is_empty() && may_guess {
        commands = told("commands").map(parameterless).unwrap_or_default();
    }
    let schema = told("config").or(declaration.config_schema.as_ref());
    let schema = schema.filter(|_| may_guess);
    Facts {
        valid_config: inputs.config.valid.clone().or_else(|| valid(schema?)),
        invalid_config: inputs.config.invalid.clone().or_else(|| invalid(schema?)),
        commands,
        declaration,
    }
}

/// The commands of a schema that need no parameters.
fn parameterless(schema: &Value) -> Vec<CommandRequest> {
    let of = |variant: &Value| {
        let name = variant.pointer("/properties/command/const")?.as_str()?.to_owned();
        let has = |list: Option<&Value>, name: &str| {
            let list = list.and_then(Value::as_array);
            list.is_some_and(|list| list.iter().any(|found| found == name))
        };
        let needs_none = !has(variant.get("required"), "params");
        let params = variant.pointer("/properties/params/required");
        let empty_is_enough = params.and_then(Value::as_array).is_none_or(Vec::is_empty)
            && variant.pointer("/properties/params/$ref").is_none();
        (needs_none || empty_is_enough).then(|| CommandRequest::new(name))
    };
    let variants = schema.get("oneOf").or_else(|| schema.get("anyOf"));
    match variants.and_then(Value::as_array) {
        Some(variants) => variants.iter().filter_map(of).collect(),
        None => of(schema).into_iter().collect(),
    }
}

/// Settings that fit a schema: its defaults, or none at all.
fn valid(schema: &Value) -> Option<Value> {
    let schema = ConfigSchema::new(schema, Vec::<String>::new()).ok()?;
    [schema.defaults(), json!({})]
        .into_iter()
        .find(|settings| settings.is_object() && schema.check(settings).is_ok())
}

/// Settings that do not fit a schema: those that fit, with one value of another kind.
fn invalid(schema: &Value) -> Option<Value> {
    let checked = ConfigSchema::new(schema, Vec::<String>::new()).ok()?;
    let valid = valid(schema).and_then(|settings| settings.as_object().cloned());
    let valid: Map<String, Value> = valid.unwrap_or_default();
    let properties = schema.get("properties")?.as_object()?;
    // A whole number may pass for a text or the other way round where a plugin is kind; an object passes for nothing.
    let wrong = [
        json!({"no": ["such"]}),
        json!([[]]),
        json!("no such"),
        json!(-1.5),
    ];
    for key in properties.keys() {
        for value in &wrong {
            let mut settings = valid.clone();
            settings.insert(key.clone(), value.clone());
            let settings = Value::Object(settings);
            if checked.check(&settings).is_err() {
                return Some(settings);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_without_parameters_are_found_in_a_schema() {
        let schema = json!({"oneOf": [
            {"properties": {"command": {"const": "on"}}, "required": ["command"]},
            {"properties": {"command": {"const": "dim"}, "params": {"required": ["level"]}}, "required": ["command", "params"]},
            {"properties": {"command": {"const": "hue"}, "params": {"required": []}}, "required": ["command", "params"]},
        ]});
        let names: Vec<_> = parameterless(&schema)
            .into_iter()
            .map(|found| found.command)
            .collect();
        assert_eq!(names, ["on", "hue"]);
    }

    #[test]
    fn settings_that_fit_and_that_do_not_are_made_of_a_schema() {
        let schema = json!({"type": "object", "properties": {"level": {"type": "integer", "default": 3}}});
        assert_eq!(valid(&schema), Some(json!({"level": 3})));
        assert_eq!(invalid(&schema), Some(json!({"level": {"no": ["such"]}})));
        let needy = json!({"type": "object", "required": ["key"], "properties": {"key": {"type": "string"}}});
        assert_eq!(valid(&needy), None);
        assert_eq!(invalid(&needy), Some(json!({"key": {"no": ["such"]}})));
        assert_eq!(invalid(&json!(true)), None);
    }
}
