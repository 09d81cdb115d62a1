//! [`Kinds`]: what a setting may be, as far as its schema says.

use serde_json::Value;

use crate::decode::whole_numbers;

/// How far references and combinations are followed: deeper ones are not the schema of one value.
const DEPTH: usize = 16;

/// The JSON types that a value may have.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Kinds(Vec<String>);

impl Kinds {
    /// Reads the types off a schema within `root`; none when the schema does not say.
    pub(super) fn of(root: &Value, schema: &Value) -> Self {
        let mut kinds = Self::default();
        kinds.collect(root, schema, DEPTH);
        kinds
    }

    fn collect(&mut self, root: &Value, schema: &Value, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        if let Some(target) = schema.get("$ref").and_then(Value::as_str)
            && let Some(target) = target.strip_prefix('#').and_then(|pointer| root.pointer(pointer))
        {
            self.collect(root, target, depth);
        }
        match schema.get("type") {
            Some(Value::String(kind)) => self.add(kind),
            Some(Value::Array(list)) => list
                .iter()
                .filter_map(Value::as_str)
                .for_each(|kind| self.add(kind)),
            _ => {}
        }
        let constants = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
        for constant in constants.chain(schema.get("const")) {
            self.add(kind_of(constant));
        }
        for combination in ["anyOf", "oneOf", "allOf"] {
            let parts = schema.get(combination).and_then(Value::as_array);
            parts
                .into_iter()
                .flatten()
                .for_each(|part| self.collect(root, part, depth));
        }
    }

    fn add(&mut self, kind: &str) {
        if !self.0.iter().any(|known| known == kind) {
            self.0.push(kind.to_owned());
        }
    }

    fn allow(&self, kind: &str) -> bool {
        self.0.is_empty()
            || self
                .0
                .iter()
                .any(|known| known == kind || (known == "number" && kind == "integer"))
    }

    /// Reads the text of a variable: as it is where only a text fits, else as JSON.
    pub(super) fn read(&self, text: &str) -> Result<Value, String> {
        let mut json: Option<Value> = serde_json::from_str(text).ok();
        if let Some(value) = json.as_mut().filter(|value| !self.allow(kind_of(value))) {
            whole_numbers(value);
        }
        match json {
            // "null" and "\"x\"" are texts like any other where a text fits.
            Some(json) if !json.is_string() && !json.is_null() && self.allow(kind_of(&json)) => Ok(json),
            Some(json) if !self.allow("string") && self.allow(kind_of(&json)) => Ok(json),
            _ if self.allow("string") => Ok(text.into()),
            _ => {
                let words: Vec<&str> = self.0.iter().map(|kind| in_words(kind)).collect();
                Err(format!("it is not {}, written as in JSON", words.join(" or ")))
            }
        }
    }
}

fn in_words(kind: &str) -> &str {
    match kind {
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list such as [\"a\", \"b\"]",
        "object" => "an object such as {\"a\": 1}",
        other => other,
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(schemars::JsonSchema)]
    #[expect(dead_code, reason = "only the schema is of use")]
    struct Config {
        text: String,
        word: Option<String>,
        level: u8,
        ratio: f32,
        on: Option<bool>,
        tags: Vec<String>,
        mode: Mode,
        any: Value,
        secret: crate::decode::Secret<String>,
        either: Either,
    }

    #[derive(schemars::JsonSchema)]
    #[serde(rename_all = "snake_case")]
    #[expect(dead_code, reason = "only the schema is of use")]
    enum Mode {
        /// Documented, so that the schema is not a plain enum.
        Fast,
        Slow,
    }

    #[derive(schemars::JsonSchema)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only the schema is of use")]
    enum Either {
        Number(u8),
        Text(String),
    }

    #[test]
    fn a_text_is_read_as_the_setting_asks() {
        let schema = schemars::schema_for!(Config).to_value();
        let read = |key: &str, text: &str| {
            let property = &schema["properties"][key];
            Kinds::of(&schema, property).read(text)
        };
        for (key, text, value) in [
            ("text", "5", json!("5")),
            ("text", "true", json!("true")),
            ("text", "null", json!("null")),
            ("word", "null", json!("null")),
            ("word", "\"x\"", json!("\"x\"")),
            ("secret", "0123", json!("0123")),
            ("level", "5", json!(5)),
            ("ratio", "5", json!(5)),
            ("ratio", "0.5", json!(0.5)),
            ("on", "true", json!(true)),
            ("on", "null", json!(null)),
            ("tags", r#"["a"]"#, json!(["a"])),
            ("mode", "fast", json!("fast")),
            ("any", "5", json!(5)),
            ("any", "hello", json!("hello")),
            ("either", "5", json!(5)),
            ("either", "five", json!("five")),
        ] {
            assert_eq!(read(key, text).unwrap(), value, "{key}={text}");
        }
        for (key, text) in [
            ("level", "five"),
            ("level", "\"5\""),
            ("on", "yes"),
            ("tags", "a,b"),
        ] {
            let problem = read(key, text).unwrap_err();
            assert!(!problem.contains(text) && problem.contains("JSON"), "{problem}");
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_comes_to_an_end() {
        let schema = json!({"$ref": "#", "anyOf": [{"$ref": "#"}]});
        assert_eq!(Kinds::of(&schema, &schema), Kinds::default());
    }
}
