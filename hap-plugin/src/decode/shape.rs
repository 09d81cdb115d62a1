//! [`Shape`]: what tells the alternatives of a schema apart.

use serde_json::Value;

/// The kind of value that a part of a schema is about.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// Names of types; any where there is none.
    kinds: Vec<String>,
    /// The values that there are.
    values: Option<Vec<Value>>,
    required: Vec<String>,
    /// Nothing is of it.
    is_nothing: bool,
}

impl Shape {
    pub(super) fn of(schema: &Value) -> Self {
        let texts = |value: Option<&Value>| match value {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(one)) => vec![one.clone()],
            _ => Vec::new(),
        };
        let one = schema.get("const").map(|value| vec![value.clone()]);
        Self {
            kinds: texts(schema.get("type")),
            values: one.or_else(|| schema.get("enum").and_then(Value::as_array).cloned()),
            required: texts(schema.get("required")),
            is_nothing: *schema == Value::Bool(false),
        }
    }

    pub(super) fn is_of(&self, value: &Value) -> bool {
        let has_kind = self.kinds.is_empty() || self.kinds.iter().any(|kind| is(value, kind));
        let has_value = self.values.as_ref().is_none_or(|values| values.contains(value));
        let has_all = value
            .as_object()
            .is_none_or(|object| self.required.iter().all(|key| object.contains_key(key)));
        !self.is_nothing && has_kind && has_value && has_all
    }
}

fn is(value: &Value, kind: &str) -> bool {
    match value {
        Value::Null => kind == "null",
        Value::Bool(_) => kind == "boolean",
        Value::Number(number) => {
            let is_whole = || !number.is_f64() || number.as_f64().is_some_and(|number| number.fract() == 0.0);
            kind == "number" || (kind == "integer" && is_whole())
        }
        Value::String(_) => kind == "string",
        Value::Array(_) => kind == "array",
        Value::Object(_) => kind == "object",
    }
}
