//! [`help`]: what a plugin takes, for a person at a terminal.

use std::fmt::Write as _;

use serde_json::Value;

use crate::config::variable_of;
use crate::server::schemas::Schemas;

/// How deep references and unions are followed.
const DEPTH: usize = 8;

/// The settings with their variables, and the commands with their parameters.
pub(crate) fn help(schemas: &Schemas) -> String {
    let mut text = String::new();
    settings(schemas.config(), &mut text);
    commands(schemas, &mut text);
    text
}

fn settings(schema: &Value, text: &mut String) {
    if schema.is_null() {
        return text.push_str("Settings: none.\n");
    }
    let rows: Vec<_> = members(schema, schema)
        .into_iter()
        .map(|member| {
            let kind = member.told(schema);
            Row(variable_of(member.name), kind, member.description())
        })
        .collect();
    if rows.is_empty() {
        return text.push_str("Settings: any JSON object, in HAP_CONFIG; `describe` prints its schema.\n");
    }
    text.push_str("Settings, as a variable each (or all as one JSON object in HAP_CONFIG):\n");
    table(&rows, text);
}

fn commands(schemas: &Schemas, text: &mut String) {
    let Some(names) = schemas.commands().names() else {
        return text.push_str("Commands: any.\n");
    };
    if names.is_empty() {
        return text.push_str("Commands: none.\n");
    }
    let root = schemas.commands().schema();
    let unions = ["oneOf", "anyOf"]
        .into_iter()
        .filter_map(|union| root.get(union)?.as_array());
    let branches: Vec<_> = unions.flatten().chain([root]).collect();
    let rows: Vec<_> = names
        .iter()
        .map(|name| {
            let branch = branches.iter().find(|branch| is_of(branch, name));
            let params = branch.and_then(|branch| branch.pointer("/properties/params"));
            let params = params.map(|params| members(root, params)).unwrap_or_default();
            let params: Vec<_> = params
                .iter()
                .map(|member| format!("{}: {}", member.name, member.told(root)))
                .collect();
            let description = branch.map(|branch| first_line(branch)).unwrap_or_default();
            Row(name.clone(), params.join("; "), description)
        })
        .collect();
    text.push_str("Commands, with their parameters:\n");
    table(&rows, text);
}

fn is_of(branch: &Value, name: &str) -> bool {
    let Some(command) = branch.pointer("/properties/command") else {
        return false;
    };
    let listed = command.get("enum").and_then(Value::as_array);
    command.get("const").is_some_and(|only| only == name)
        || listed.is_some_and(|names| names.iter().any(|one| one == name))
}

/// A setting or a parameter.
struct Member<'a> {
    name: &'a str,
    schema: &'a Value,
    required: bool,
}

impl Member<'_> {
    fn told(&self, root: &Value) -> String {
        let kind = kind(root, self.schema, DEPTH);
        match self.schema.get("default") {
            Some(default) => format!("{kind}, default {default}"),
            None if self.required => format!("{kind}, required"),
            None => kind,
        }
    }

    fn description(&self) -> String {
        first_line(self.schema)
    }
}

fn members<'a>(root: &'a Value, schema: &'a Value) -> Vec<Member<'a>> {
    let schema = resolved(root, schema, DEPTH);
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|one| one == name));
    let properties = schema.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, schema)| Member {
            name,
            schema,
            required: is_required(name),
        })
        .collect()
}

fn resolved<'a>(root: &'a Value, schema: &'a Value, depth: usize) -> &'a Value {
    let target = schema.get("$ref").and_then(Value::as_str);
    match target.and_then(|target| root.pointer(target.strip_prefix('#')?)) {
        Some(target) if depth > 0 => resolved(root, target, depth - 1),
        _ => schema,
    }
}

/// What a value is, in a word or a few.
fn kind(root: &Value, schema: &Value, depth: usize) -> String {
    let schema = resolved(root, schema, depth);
    if let Some(only) = schema.get("const") {
        return only.to_string();
    }
    let joined = |all: Vec<String>| all.join(" or ");
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return joined(values.iter().map(ToString::to_string).collect());
    }
    if let Some(depth) = depth.checked_sub(1) {
        let unions = ["oneOf", "anyOf"]
            .into_iter()
            .filter_map(|union| schema.get(union)?.as_array());
        if let Some(parts) = unions.into_iter().next() {
            return joined(parts.iter().map(|part| kind(root, part, depth)).collect());
        }
    }
    let kind = match schema.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        Some(Value::Array(kinds)) => joined(
            kinds
                .iter()
                .filter_map(Value::as_str)
                .map(ToOwned::to_owned)
                .collect(),
        ),
        _ => return "any value".to_owned(),
    };
    match (schema.get("minimum"), schema.get("maximum")) {
        (Some(least), Some(most)) => format!("{kind} from {least} to {most}"),
        (Some(least), None) => format!("{kind} from {least}"),
        (None, Some(most)) => format!("{kind} up to {most}"),
        (None, None) => kind,
    }
}

fn first_line(schema: &Value) -> String {
    let description = schema.get("description").and_then(Value::as_str);
    description
        .and_then(|text| text.lines().next())
        .unwrap_or_default()
        .to_owned()
}

/// A name, what it takes and what it is for.
struct Row(String, String, String);

fn table(rows: &[Row], text: &mut String) {
    let width = rows
        .iter()
        .map(|Row(name, ..)| name.chars().count())
        .max()
        .unwrap_or_default();
    for Row(name, kind, description) in rows {
        let told = [kind, description].map(String::as_str);
        let told: Vec<_> = told.into_iter().filter(|part| !part.is_empty()).collect();
        let line = format!("  {name:width$}  {}", told.join("  -  "));
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;

    use super::*;
    use crate::api::{Context, NoStatus, Plugin, Reply};
    use crate::decode::Secret;
    use crate::error::Result;

    #[derive(Default, serde::Serialize, serde::Deserialize, JsonSchema)]
    #[serde(default, rename_all = "camelCase")]
    struct Config {
        /// How long it takes.
        ///
        /// And more about it.
        #[schemars(range(min = 1, max = 60))]
        poll_seconds: u8,
        #[serde(skip_serializing)]
        password: Option<Secret<String>>,
        mode: Mode,
    }

    #[derive(Default, serde::Serialize, serde::Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        #[default]
        Fast,
        Slow,
    }

    #[derive(serde::Deserialize, JsonSchema)]
    #[serde(tag = "command", content = "params", rename_all = "snake_case")]
    #[expect(dead_code, reason = "only the schema is of use")]
    enum Command {
        /// Switches it on.
        TurnOn,
        Dim(Dim),
    }

    #[derive(serde::Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only the schema is of use")]
    struct Dim {
        level: u8,
        mode: Option<Mode>,
    }

    struct Lamp;

    impl Plugin for Lamp {
        type Config = Config;
        type Command = Command;
        type Status = NoStatus;

        async fn command(&self, _: &Context, _: Command) -> Result<Reply> {
            Ok(Reply::text("done"))
        }
    }

    #[test]
    fn settings_are_told_by_their_variables_and_commands_by_their_parameters() {
        let text = help(&Schemas::of::<Lamp>().unwrap());
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        for line in [
            "HAP_CONFIG_POLL_SECONDS  integer from 1 to 60, default 0  -  How long it takes.",
            "HAP_CONFIG_PASSWORD      string or null",
            r#"HAP_CONFIG_MODE          "fast" or "slow", default "fast""#,
            "turn_on  Switches it on.",
            r#"dim      level: integer from 0 to 255, required; mode: "fast" or "slow" or null"#,
        ] {
            assert!(lines.contains(&line), "{line}\n{text}");
        }
    }
}
