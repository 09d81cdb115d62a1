//! What a schema says would have fitted, in words of people who do not write Rust.

use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use crate::decode::reason::one_of;

/// How far references of a schema are followed.
const DEPTH: usize = 16;
/// More alternatives than a sentence holds.
const MAX_ALTERNATIVES: usize = 4;

/// What `schema` expects at a place of `value`; `None` where it does not say that simply.
pub(super) fn expected(schema: &Value, value: &Value, path: &Path) -> Option<String> {
    match walk(schema, value, path)? {
        Place::Nothing => Some("nothing".to_owned()),
        Place::Schemas(here, at) => in_words(&expanded(schema, &here, at)),
    }
}

/// Tells whether `schema` names a property at a place of `value`.
pub(super) fn has_property(schema: &Value, value: &Value, path: &Path, name: &str) -> bool {
    let Some(Place::Schemas(here, at)) = walk(schema, value, path) else {
        return false;
    };
    let shapes = expanded(schema, &here, at);
    shapes
        .iter()
        .filter_map(|object| object.get("properties"))
        .any(|all| all.get(name).is_some())
}

enum Place<'a> {
    /// The schema has nothing there.
    Nothing,
    /// Any of them may be meant, and this is what stands there.
    Schemas(Vec<&'a Value>, Option<&'a Value>),
}

fn walk<'a>(schema: &'a Value, value: &'a Value, path: &Path) -> Option<Place<'a>> {
    let (mut here, mut at) = (vec![schema], Some(value));
    for segment in path.iter() {
        let shapes = expanded(schema, &here, at);
        here = match segment {
            Segment::Map { key } | Segment::Enum { variant: key } => {
                at = at.and_then(|value| value.get(key));
                shapes.iter().filter_map(|object| property(object, key)).collect()
            }
            Segment::Seq { index } => {
                at = at.and_then(|value| value.get(index));
                let item = |list: &&'a Value| {
                    let fixed = list.get("prefixItems").and_then(|items| items.get(index));
                    fixed.or_else(|| list.get("items"))
                };
                shapes.iter().filter_map(item).collect()
            }
            Segment::Unknown => return None,
        };
        if here.is_empty() {
            let is_closed = !shapes.is_empty() && shapes.iter().all(|object| is_closed(object));
            return is_closed.then_some(Place::Nothing);
        }
    }
    Some(Place::Schemas(here, at))
}

fn expanded<'a>(root: &'a Value, schemas: &[&'a Value], value: Option<&Value>) -> Vec<&'a Value> {
    schemas
        .iter()
        .flat_map(|schema| alternatives(root, schema, value, DEPTH))
        .collect()
}

/// The schema that a reference names.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let pointer = schema.get("$ref").and_then(Value::as_str);
    let pointer = pointer.and_then(|reference| reference.strip_prefix('#'));
    pointer
        .and_then(|pointer| root.pointer(pointer))
        .unwrap_or(schema)
}

/// The schemas that one stands for, without those that are for objects of another tag.
fn alternatives<'a>(
    root: &'a Value,
    schema: &'a Value,
    value: Option<&Value>,
    depth: usize,
) -> Vec<&'a Value> {
    let Some(depth) = depth.checked_sub(1) else {
        return Vec::new();
    };
    let target = resolved(root, schema);
    if !std::ptr::eq(target, schema) {
        return alternatives(root, target, value, depth);
    }
    let mut all = Vec::new();
    for union in ["anyOf", "oneOf", "allOf"] {
        let branches = schema.get(union).and_then(Value::as_array).into_iter().flatten();
        for branch in branches {
            all.extend(alternatives(root, branch, value, depth));
        }
    }
    if (all.is_empty() || schema.get("properties").is_some()) && !is_of_another_tag(schema, value) {
        all.push(schema);
    }
    all
}

fn is_of_another_tag(schema: &Value, value: Option<&Value>) -> bool {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().any(|(name, property)| {
        let tag = value.and_then(|value| value.get(name));
        let wanted = property.get("const");
        tag.is_some() && wanted.is_some() && tag != wanted
    })
}

fn property<'a>(object: &'a Value, key: &str) -> Option<&'a Value> {
    let named = object
        .get("properties")
        .and_then(|properties| properties.get(key));
    named.or_else(|| {
        let other = object.get("additionalProperties");
        other.filter(|schema| schema.is_object())
    })
}

/// Whether an object is a tag and nothing else. Of others that name no such property it may be an
/// alias, which no schema lists.
fn is_closed(object: &Value) -> bool {
    let properties = object.get("properties").and_then(Value::as_object);
    let has_tag = properties.is_some_and(|all| all.values().any(|property| property.get("const").is_some()));
    has_tag && !object.get("additionalProperties").is_some_and(Value::is_object)
}

fn in_words(schemas: &[&Value]) -> Option<String> {
    let names: Option<Vec<&str>> = schemas
        .iter()
        .map(|schema| schema.get("const")?.as_str())
        .collect();
    if let Some(names) = names
        && !names.is_empty()
    {
        return Some(one_of(&names));
    }
    let mut all = Vec::new();
    for schema in schemas {
        for words in each_in_words(schema)? {
            if !all.contains(&words) {
                all.push(words);
            }
        }
    }
    (1..=MAX_ALTERNATIVES)
        .contains(&all.len())
        .then(|| all.join(" or "))
}

fn each_in_words(schema: &Value) -> Option<Vec<String>> {
    if let Some(name) = schema.get("const") {
        return Some(vec![one_of(&[name.as_str()?])]);
    }
    if let Some(names) = schema.get("enum").and_then(Value::as_array) {
        let names: Option<Vec<_>> = names.iter().map(Value::as_str).collect();
        return Some(vec![one_of(&names?)]);
    }
    match schema.get("type")? {
        Value::Array(types) => types.iter().map(|kind| of_type(kind.as_str()?, schema)).collect(),
        kind => Some(vec![of_type(kind.as_str()?, schema)?]),
    }
}

fn of_type(kind: &str, schema: &Value) -> Option<String> {
    let bound = |name: &str| schema.get(name).filter(|bound| bound.is_number());
    let number = |what: &str| match (bound("minimum"), bound("maximum")) {
        (Some(least), Some(most)) => format!("{what} from {least} to {most}"),
        (Some(least), None) => format!("{what} of at least {least}"),
        (None, Some(most)) => format!("{what} of at most {most}"),
        (None, None) => what.to_owned(),
    };
    let number = |what: &str| match schema.get("not").and_then(|not| not.get("const")) {
        Some(excluded) => format!("{} other than {excluded}", number(what)),
        None => number(what),
    };
    let exactly = |least: &str, most: &str| bound(least).filter(|length| bound(most) == Some(length));
    Some(match kind {
        "integer" => number("a whole number"),
        "number" => number("a number"),
        "string" if exactly("minLength", "maxLength").is_some_and(|length| *length == 1) => {
            "a string of one character".to_owned()
        }
        "string" => "a string".to_owned(),
        "boolean" => "true or false".to_owned(),
        "null" => "null".to_owned(),
        "array" => match exactly("minItems", "maxItems") {
            Some(length) => format!("a list of {length}"),
            None => "a list".to_owned(),
        },
        "object" => "an object".to_owned(),
        _ => return None,
    })
}
