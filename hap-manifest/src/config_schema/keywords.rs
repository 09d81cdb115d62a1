//! Keywords that are none: what an author wrote and nothing checks.

use serde_json::{Map, Value};

use super::bounds;
use super::fault::{Fault, type_of};
use crate::diagnostics::suggest::nearest;
use crate::json::pointer::escaped;
use crate::value::error::quoted;

/// Most of them that are told.
const MOST: usize = 20;

/// The keywords of JSON Schema 2020-12, 2019-09 and 7: core, applicators, validation, remarks,
/// format and content.
const KNOWN: [&str; 62] = [
    "$anchor",
    "$comment",
    "$defs",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$recursiveAnchor",
    "$recursiveRef",
    "$ref",
    "$schema",
    "$vocabulary",
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "default",
    "definitions",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "deprecated",
    "description",
    "else",
    "enum",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "if",
    "items",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "oneOf",
    "pattern",
    "patternProperties",
    "prefixItems",
    "properties",
    "propertyNames",
    "readOnly",
    "required",
    "then",
    "title",
    "type",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
    "writeOnly",
];

/// Returns a fault for each keyword that is most likely misspelt, and for each part without a single
/// keyword. Keywords of an author's own are allowed, and check nothing.
pub(super) fn unknown(schema: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut left = vec![schema];
    while let Some(part) = left.pop() {
        if let Some(map) = part.as_object() {
            if !map.is_empty() && !map.keys().any(|key| is_known(key)) {
                faults.push(nothing_known(map).of_part(schema, part));
            } else {
                let wrong = map.keys().filter_map(|key| misspelt(key));
                faults.extend(wrong.map(|(key, fault)| fault.inside(schema, part, &escaped(key))));
            }
        }
        if faults.len() >= MOST {
            faults.truncate(MOST);
            break;
        }
        left.extend(bounds::parts(part));
    }
    faults
}

fn is_known(key: &str) -> bool {
    KNOWN.contains(&key)
}

fn misspelt(key: &str) -> Option<(&str, Fault)> {
    let meant = nearest(key, KNOWN).filter(|_| !is_known(key) && !key.starts_with("x-"))?;
    let fault = Fault::new(format!(
        "{} is no keyword of JSON Schema, so it checks nothing",
        quoted(key)
    ));
    Some((
        key,
        fault.with_help(format!(
            "did you mean \"{meant}\"? A word of your own begins with \"x-\""
        )),
    ))
}

fn nothing_known(map: &Map<String, Value>) -> Fault {
    let fault = Fault::new("it has no keyword of JSON Schema, so any value fits");
    let Some((name, value)) = map.iter().next() else {
        return fault;
    };
    if let Some(meant) = nearest(name, KNOWN) {
        return fault.with_help(format!("did you mean \"{meant}\" in place of {}?", quoted(name)));
    }
    let kind = value.as_str().and_then(type_of);
    let kind = kind.or_else(|| value.get("type")?.as_str().and_then(type_of));
    let example = format!("{}: {{\"type\": \"{}\"}}", quoted(name), kind.unwrap_or("string"));
    fault.with_help(format!(
        "settings are named below \"properties\": {{\"type\": \"object\", \"properties\": {{{example}}}}}"
    ))
}
