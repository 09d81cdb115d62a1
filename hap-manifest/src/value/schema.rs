//! Parts of the JSON Schemas that several types share.
//!
//! Patterns are written for every dialect of regular expressions that validators use: no
//! look-ahead, no `\d` or `\s`, whose meaning differs.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

/// Longest text that is shown in one line, in characters.
pub(crate) const MAX_LINE: usize = 255;

/// Characters that may stand in one line, as a class of a pattern: no control characters, and none
/// that turn the direction of writing.
const IN_LINE: &str = r"[^\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]";
/// Those of them that are not white space.
const VISIBLE: &str =
    r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028-\u202f\u205f\u2066-\u2069\u3000]";
/// Characters that may stand in a text of several lines.
const IN_TEXT: &str = r"[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]";

/// The schema of a type that is there for its schema alone.
macro_rules! schema_of {
    ($name:ident, $schema:expr) => {
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn schema_id() -> Cow<'static, str> {
                concat!(module_path!(), "::", stringify!($name)).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

schema_of!(
    Line,
    json_schema!({
        "description": "Text in one line, not blank, at most 255 characters.",
        "examples": ["Porch light"],
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_LINE,
        "pattern": format!("^{IN_LINE}*{VISIBLE}{IN_LINE}*$"),
    })
);

schema_of!(
    SemVer,
    json_schema!({
        "description": "Version by Semantic Versioning, at most 255 characters.",
        "examples": ["1.0.0", "2.1.0-rc.1"],
        "type": "string",
        "maxLength": MAX_LINE,
        "pattern": format!(
            r"^{NUMBER}\.{NUMBER}\.{NUMBER}(-{IDENTIFIER}(\.{IDENTIFIER})*)?(\+{BUILD}(\.{BUILD})*)?$"
        ),
    })
);

schema_of!(
    VersionRange,
    json_schema!({
        "description": "Range of versions: `*`, or up to 32 comparators that all hold, such as `^1.2` or `>=1.2, <3`.",
        "examples": ["^1.2", ">=1.2, <3"],
        "type": "string",
        "pattern": format!("^ *([*xX] *|{0}(, *{0}){{0,31}})$", comparator()),
    })
);

schema_of!(
    Homepage,
    json_schema!({
        "description": "Address of a page, by http or https, at most 255 characters.",
        "examples": ["https://light.example.com"],
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_LINE,
        "pattern": format!("^{IN_LINE}*{VISIBLE}{IN_LINE}*$"),
        // No scheme, or one of these two.
        "allOf": [{ "pattern": format!("^([Hh][Tt][Tt][Pp][Ss]?://{IN_LINE}*|[^:/?#]*([/?#]{IN_LINE}*)?)$") }],
    })
);

/// Number of a version.
const NUMBER: &str = "(0|[1-9][0-9]*)";
/// Part of a pre-release: a number, or something that is none.
const IDENTIFIER: &str = "(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)";
/// Part of what follows the `+` of a version.
const BUILD: &str = "[0-9A-Za-z-]+";

/// A part of a range of versions, and the blanks after it.
fn comparator() -> String {
    let patch = format!(r"\.([*xX]|{NUMBER}(-{IDENTIFIER}(\.{IDENTIFIER})*)?(\+{BUILD}(\.{BUILD})*)?)");
    let minor = format!(r"\.([*xX](\.[*xX])?|{NUMBER}({patch})?)");
    format!("([=~^]|[<>]=?)? *{NUMBER}({minor})? *")
}

/// A line of text, or nothing.
pub(crate) fn line_or_empty(schema: &mut Schema) {
    schema.insert("maxLength".to_owned(), MAX_LINE.into());
    schema.insert(
        "pattern".to_owned(),
        format!("^({IN_LINE}*{VISIBLE}{IN_LINE}*)?$").into(),
    );
}

/// A text without a line break.
pub(crate) fn in_line(schema: &mut Schema) {
    schema.insert("pattern".to_owned(), format!("^{IN_LINE}*$").into());
}

/// A text of several lines.
pub(crate) fn lines(schema: &mut Schema) {
    schema.insert("pattern".to_owned(), format!("^{IN_TEXT}*$").into());
}

/// Says what a reference is for where it is used.
pub(crate) fn describe(schema: &mut Schema, about: &str, example: &str) {
    schema.insert("description".to_owned(), about.into());
    schema.insert("examples".to_owned(), json!([example]));
}

/// Lets every property that is not required be `null`, which means the same as leaving it out, and
/// says what that means: nothing in a list or map, `null` for what is left to the host.
pub(crate) fn optional(schema: &mut Schema) {
    let required: Vec<String> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|key| key.as_str().map(str::to_owned))
        .collect();
    let Some(Value::Object(properties)) = schema.get_mut("properties") else {
        return;
    };
    for (key, property) in properties.iter_mut() {
        if let Value::Object(property) = property
            && !required.contains(key)
        {
            let nothing = match property.get("type").and_then(Value::as_str) {
                Some("array") => json!([]),
                Some("object") => json!({}),
                _ => Value::Null,
            };
            property.entry("default").or_insert(nothing);
            nullable(property);
        }
    }
}

fn nullable(property: &mut Map<String, Value>) {
    let absent = json!({ "type": "null" });
    if let Some(reference) = property.remove("$ref") {
        property.insert("anyOf".to_owned(), json!([{ "$ref": reference }, absent]));
        return;
    }
    let types = property.get_mut("type");
    if let Some(one @ Value::String(_)) = types {
        *one = json!([one.take(), "null"]);
        return;
    }
    let (none, of) = match types {
        Some(types) => (json!("null"), Some(types)),
        None => {
            let of = if property.contains_key("oneOf") {
                "oneOf"
            } else {
                "anyOf"
            };
            (absent, property.get_mut(of))
        }
    };
    if let Some(Value::Array(of)) = of
        && !of.contains(&none)
    {
        of.push(none);
    }
}
