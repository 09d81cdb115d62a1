use jsonschema::ValidatorMap;
use serde_json::{Map, Value};

use super::bounds::{decoded, target};
use super::problem::{ConfigProblem, ConfigProblems, SECRET};
use super::secrets::{Secrets, is_marked};

/// Returns the defaults of a schema's properties as one object.
pub(super) fn of(schema: &Value) -> Map<String, Value> {
    properties(schema, schema)
}

fn properties(root: &Value, schema: &Value) -> Map<String, Value> {
    let Some(properties_of) = schema.get("properties").and_then(Value::as_object) else {
        return Map::new();
    };
    let given = |(name, property): (&String, &Value)| Some((name.clone(), default(root, property)?));
    properties_of.iter().filter_map(given).collect()
}

/// Returns the default of one property: its own, or that of what it refers to, or what its own
/// properties have.
fn default(root: &Value, property: &Value) -> Option<Value> {
    if let Some(default) = property.get("default") {
        return Some(default.clone());
    }
    // The bounds have refused circles.
    if let Ok(Some(target)) = target(root, property) {
        return default(root, target);
    }
    let nested = properties(root, property);
    (!nested.is_empty()).then_some(Value::Object(nested))
}

/// Returns the defaults, anywhere in the schema, that the schema beside them refuses.
pub(super) fn wrong(schema: &Value, all: &ValidatorMap, secrets: &Secrets) -> Vec<ConfigProblem> {
    let mut found = Vec::new();
    let mut keys: Vec<_> = all.keys().collect();
    keys.sort_unstable();
    for key in keys {
        let pointer = decoded(key.strip_prefix('#').unwrap_or(key));
        let (Some(part), Some(validator)) = (schema.pointer(&pointer), all.get(key)) else {
            continue;
        };
        if let Some(default) = part.get("default") {
            let errors = validator.iter_errors(default);
            let secret = secrets.cover(&pointer.replace("/properties", "")) || is_marked(schema, part);
            let mask = secret.then_some(SECRET);
            let problems = errors.map(|error| ConfigProblem::of(&error, secrets, mask));
            found.extend(problems.map(|problem| problem.below(&format!("{pointer}/default"))));
        }
    }
    found.truncate(ConfigProblems::MOST);
    found
}
