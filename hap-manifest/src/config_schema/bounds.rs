//! Bounds what a schema from a stranger may cost: no circles, and a bounded size with references
//! followed.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::fault::Fault;
use crate::diagnostics::suggest::nearest;
use crate::json::pointer::escaped;
use crate::value::error::quoted;

/// Most parts of a schema with each reference counted as what it refers to. A check visits a part
/// at most once for each value, so this bounds the time of a check.
const MOST: usize = 10_000;
/// Parts that a pattern counts as: compiled, it takes as much time and memory as many of them. So
/// at most a hundred patterns are possible.
const PATTERN: usize = 100;
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
/// Keywords that hold a map of schemas, for values of whichever name.
const NAMELESS: [&str; 3] = ["dependencies", "dependentSchemas", "patternProperties"];
/// Keywords that hold a map of schemas by the names of the values, or of schemas that are used
/// elsewhere.
const NAMED: [&str; 3] = ["$defs", "definitions", "properties"];

/// Returns the schemas directly inside a schema. What is data, such as `default` and `enum`, is no
/// part.
pub(super) fn parts(schema: &Value) -> impl Iterator<Item = &Value> {
    let named = NAMED.iter().flat_map(|keyword| of_map(schema, keyword));
    nameless(schema).chain(named)
}

/// Those of the parts that apply to the value itself, or to values in it whichever name they have.
pub(super) fn nameless(schema: &Value) -> impl Iterator<Item = &Value> {
    let one = ONE.iter().filter_map(|keyword| schema.get(keyword));
    let lists = LIST.iter().filter_map(|keyword| schema.get(keyword)?.as_array());
    let maps = NAMELESS.iter().flat_map(|keyword| of_map(schema, keyword));
    one.chain(lists.flatten()).filter(is_schema).chain(maps)
}

fn of_map<'a>(schema: &'a Value, keyword: &str) -> impl Iterator<Item = &'a Value> {
    let map = schema.get(keyword).and_then(Value::as_object);
    map.into_iter().flat_map(|map| map.values()).filter(is_schema)
}

fn is_schema(value: &&Value) -> bool {
    value.is_object() || value.is_boolean()
}

/// Returns how many patterns a schema has itself.
fn patterns(schema: &Value) -> usize {
    let by_name = schema.get("patternProperties").and_then(Value::as_object);
    by_name.map_or(0, Map::len) + usize::from(schema.get("pattern").is_some())
}

/// Returns what a schema refers to, if it does.
pub(super) fn target<'a>(root: &'a Value, schema: &Value) -> Result<Option<&'a Value>, Fault> {
    for keyword in ["$dynamicRef", "$recursiveRef"] {
        if schema.get(keyword).is_some() {
            let fault = Fault::new(format!("`{keyword}` is not supported")).inside(root, schema, keyword);
            return Err(
                fault.with_help("write \"$ref\" with a pointer into the schema, such as \"#/$defs/port\"")
            );
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
        let rule = format!(
            "it refers to {}, and only to itself it may, by JSON pointer",
            quoted(text)
        );
        let fault = Fault::new(rule).inside(root, schema, "$ref");
        return Err(
            fault.with_help("copy that schema into \"$defs\" and refer to it, such as \"#/$defs/port\"")
        );
    };
    let pointer = decoded(pointer);
    if let Some(target) = root.pointer(&pointer) {
        return Ok(Some(target));
    }
    let rule = format!("it refers to {}, which it does not have", quoted(text));
    let fault = Fault::new(rule).inside(root, schema, "$ref");
    let name = pointer.rsplit('/').next().unwrap_or_default();
    let meant = ["$defs", "definitions"].into_iter().find_map(|keyword| {
        let names = root.get(keyword)?.as_object()?.keys();
        let name = nearest(name, names.map(String::as_str))?;
        Some(format!(
            "did you mean {}?",
            quoted(&format!("#/{keyword}/{}", escaped(name)))
        ))
    });
    Err(match meant {
        Some(help) => fault.with_help(help),
        None => fault.with_help("add it to \"$defs\", and refer to it as \"#/$defs/NAME\""),
    })
}

/// A URI fragment with its percent signs resolved.
pub(super) fn decoded(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = tail.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() {
            tail.get(2..).unwrap_or_default()
        } else {
            tail
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Checks the bounds, and counts the patterns with references followed.
pub(super) fn check(schema: &Value) -> Result<usize, Fault> {
    let mut unfolding = Unfolding {
        root: schema,
        sizes: HashMap::new(),
        depth: 0,
    };
    unfolding.size(schema).map(|size| size.patterns)
}

/// What a part costs with its references followed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Size {
    parts: usize,
    patterns: usize,
}

impl Size {
    const fn weight(self) -> usize {
        self.parts.saturating_add(self.patterns.saturating_mul(PATTERN))
    }
}

struct Unfolding<'a> {
    root: &'a Value,
    /// Size of each part by its address, which is where it is in the one tree; `None` while it is
    /// being measured.
    sizes: HashMap<*const Value, Option<Size>>,
    depth: u32,
}

impl Unfolding<'_> {
    fn size(&mut self, schema: &Value) -> Result<Size, Fault> {
        let root = self.root;
        let address = std::ptr::from_ref(schema);
        if let Some(Some(size)) = self.sizes.get(&address) {
            return Ok(*size);
        }
        if schema.get("$id").is_some() && address != std::ptr::from_ref(root) {
            return Err(Fault::new("`$id` is allowed at its top only").inside(root, schema, "$id"));
        }
        if self.depth >= DEEPEST {
            let rule = format!("it is nested more than {DEEPEST} deep with its references followed");
            return Err(Fault::new(rule));
        }
        self.depth += 1;
        self.sizes.insert(address, None);
        let mut size = Size {
            parts: 1,
            patterns: patterns(schema),
        };
        let target = target(root, schema)?;
        for part in parts(schema).chain(target) {
            if self.sizes.get(&std::ptr::from_ref(part)) == Some(&None) {
                let fault = Fault::new("it refers to itself in a circle, which is not supported");
                return Err(fault
                    .inside(root, schema, "$ref")
                    .with_help("write out as many levels as there are, or write true for any value"));
            }
            let inner = self.size(part)?;
            size.parts = size.parts.saturating_add(inner.parts);
            size.patterns = size.patterns.saturating_add(inner.patterns);
            if size.weight() > MOST {
                let parts = format!("{MOST} parts with its references followed");
                let rule = format!("it has more than {parts}, where a pattern counts as {PATTERN}");
                return Err(Fault::new(rule));
            }
        }
        self.depth -= 1;
        self.sizes.insert(address, Some(size));
        Ok(size)
    }
}
