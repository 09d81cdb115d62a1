//! Keeps a schema from a stranger from costing more than it may: no circles, and a bounded size once unfolded.

use std::collections::HashMap;

use serde_json::Value;

use super::Fault;
use crate::error::quoted;

/// Most parts of a schema with each reference counted as what it refers to. A check visits a part at most once for
/// each value, so this bounds the time of a check.
const MOST: u32 = 10_000;
/// Deepest nesting with references followed. Compiling a schema needs stack in proportion.
const DEEPEST: u32 = 128;

/// Keywords that hold one schema.
const ONE: [&str; 12] = [
    "additionalItems",
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords that hold a list of schemas.
const LIST: [&str; 5] = ["allOf", "anyOf", "items", "oneOf", "prefixItems"];
/// Keywords that hold a map of schemas.
const MAP: [&str; 6] = [
    "$defs",
    "definitions",
    "dependencies",
    "dependentSchemas",
    "patternProperties",
    "properties",
];

/// The schemas directly inside a schema. What is data, such as `default` and `enum`, is no part.
pub(super) fn parts(schema: &Value) -> impl Iterator<Item = &Value> {
    let is_schema = |value: &&Value| value.is_object() || value.is_boolean();
    let one = ONE.iter().filter_map(|keyword| schema.get(keyword));
    let lists = LIST.iter().filter_map(|keyword| schema.get(keyword)?.as_array());
    let maps = MAP.iter().filter_map(|keyword| schema.get(keyword)?.as_object());
    one.chain(lists.flatten())
        .chain(maps.flat_map(|map| map.values()))
        .filter(is_schema)
}

/// What a schema refers to, if it does.
pub(super) fn target<'a>(root: &'a Value, schema: &Value) -> Result<Option<&'a Value>, Fault> {
    let refuse = |rule: String| Err(Fault::new(rule));
    for keyword in ["$dynamicRef", "$recursiveRef"] {
        if schema.get(keyword).is_some() {
            return refuse(format!("`{keyword}` is not supported")).map_err(|error| {
                error.with_help("write \"$ref\" with a pointer into the schema, such as \"#/$defs/port\"")
            });
        }
    }
    let Some(reference) = schema.get("$ref") else {
        return Ok(None);
    };
    let text = reference.as_str().unwrap_or_default();
    let pointer = text
        .strip_prefix('#')
        .filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let Some(pointer) = pointer else {
        let rule = format!("it refers to {}, and only to itself it may", quoted(text));
        return refuse(rule).map_err(|error| {
            error.with_help("copy that schema into \"$defs\" and refer to it, such as \"#/$defs/port\"")
        });
    };
    match root.pointer(pointer) {
        Some(target) => Ok(Some(target)),
        None => refuse(format!("it refers to {}, which it does not have", quoted(text))),
    }
}

/// Checks the bounds.
pub(super) fn check(schema: &Value) -> Result<(), Fault> {
    let mut unfolding = Unfolding {
        root: schema,
        sizes: HashMap::new(),
        depth: 0,
    };
    unfolding.size(schema).map(drop)
}

struct Unfolding<'a> {
    root: &'a Value,
    /// Size of each part by its address, which is where it is in the one tree; `None` while it is being measured.
    sizes: HashMap<*const Value, Option<u32>>,
    depth: u32,
}

impl Unfolding<'_> {
    fn size(&mut self, schema: &Value) -> Result<u32, Fault> {
        let refuse = |rule: String| Err(Fault::new(rule));
        let address = std::ptr::from_ref(schema);
        match self.sizes.get(&address) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => {
                return refuse("it refers to itself in a circle, which is not supported".to_owned());
            }
            None => {}
        }
        if schema.get("$id").is_some() && address != std::ptr::from_ref(self.root) {
            return refuse("`$id` is allowed at its top only".to_owned());
        }
        if self.depth >= DEEPEST {
            return refuse(format!(
                "it is nested more than {DEEPEST} deep with its references followed"
            ));
        }
        self.depth += 1;
        self.sizes.insert(address, None);
        let mut size = 1_u32;
        let target = target(self.root, schema)?;
        for part in parts(schema).chain(target) {
            size = size.saturating_add(self.size(part)?);
            if size > MOST {
                return refuse(format!(
                    "it has more than {MOST} parts with its references followed"
                ));
            }
        }
        self.depth -= 1;
        self.sizes.insert(address, Some(size));
        Ok(size)
    }
}
