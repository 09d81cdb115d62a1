//! JSON Schemas of the fields of a manifest, and their examples.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::limits::{MAX_ENTRIES, MAX_ENV_VALUE};
use crate::value::env::{EnvName, RESERVED};

/// Environment variables: a map whose keys have a rule, without the names of the host.
pub(crate) fn env_vars(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": MAX_ENTRIES,
        "propertyNames": {
            "allOf": [generator.subschema_for::<EnvName>()],
            "not": { "enum": RESERVED },
        },
        "additionalProperties": {
            "type": "string",
            "maxLength": MAX_ENV_VALUE,
            "pattern": r"^[^\u0000]*$",
        },
    })
}

/// A JSON Schema, which is an object or a boolean.
pub(crate) fn any_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["object", "boolean"] })
}

/// Bounds a list as the reader does.
pub(crate) fn bounded(schema: &mut Schema) {
    schema.insert("maxItems".to_owned(), MAX_ENTRIES.into());
}

/// A whole manifest, as short as it can be.
pub(crate) fn example() -> Value {
    json!({
        "id": "porch-light",
        "name": "Porch light",
        "version": "1.0.0",
        "description": "Switches the lamp at the door",
        "author": "Example Home",
        "image": "example/porch-light:1.0.0",
        "memory_limit": "64m",
    })
}

/// An example of a list: its entries, between blanks.
pub(crate) fn words(entries: &str) -> Vec<&str> {
    entries.split(' ').collect()
}

pub(crate) fn variables() -> Value {
    json!({ "LOG_LEVEL": "info" })
}

pub(crate) fn dependencies() -> Value {
    json!(["clock", { "id": "broker", "version": "^1.2" }])
}

pub(crate) fn configuration() -> Value {
    json!({
        "type": "object",
        "properties": { "topic": { "type": "string", "default": "home/porch" }, "password": { "type": "string" } },
    })
}

/// Devices are of no use without the access to them.
pub(crate) fn devices_need_access(schema: &mut Schema) {
    schema.insert(
        "if".to_owned(),
        json!({ "properties": { "devices": { "type": "array", "minItems": 1 } }, "required": ["devices"] }),
    );
    schema.insert(
        "then".to_owned(),
        json!({ "properties": { "device_access": { "const": true } }, "required": ["device_access"] }),
    );
}
