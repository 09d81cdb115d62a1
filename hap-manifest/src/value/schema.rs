//! Parts of the JSON Schemas that several types share.
//!
//! Patterns are written for every dialect of regular expressions that validators use: no
//! look-ahead, no `\d` or `\s`, whose meaning differs.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::unseen::HIDDEN;

/// Longest text that is shown in one line, in characters.
pub(crate) const MAX_LINE: usize = 255;

/// White space that may stand in one line, and the pattern of braille that has no dot.
const BLANK: &str = r"\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000";
/// A symbol, and what asks for its form in colour.
const SYMBOL: &str = "[\\u2190-\\u27bf\\u2900-\\u2bff\u{1f000}-\u{1faff}]\\ufe0f?";

/// What may stand in a line beside blanks: characters that are seen, and symbols joined to one.
///
/// No character begins both, so that no validator has to try twice.
fn seen() -> String {
    format!(r"[{}]|{SYMBOL}(\u200d{SYMBOL})*", plain())
}

/// What may stand in one line: no control characters, and none that are not seen.
fn in_one_line() -> String {
    format!("([{BLANK}]|{})", seen())
}

/// The characters that are seen and are no symbols, as the inside of a class.
fn plain() -> String {
    // Control characters, blanks, symbols and surrogates.
    let mut refused = vec![
        (0, 0x20),
        (0x7f, 0xa0),
        (0x1680, 0x1680),
        (0x2000, 0x200a),
        (0x202f, 0x202f),
        (0x205f, 0x205f),
        (0x2190, 0x27bf),
        (0x2800, 0x2800),
        (0x2900, 0x2bff),
        (0x3000, 0x3000),
        (0xd800, 0xdfff),
        (0x1_f000, 0x1_faff),
    ];
    refused.extend(HIDDEN.map(|(first, last)| (u32::from(first), u32::from(last))));
    refused.sort_unstable();
    let end = u32::from(char::MAX) + 1;
    let (mut class, mut next) = (String::new(), 0);
    for (first, last) in refused.into_iter().chain([(end, end)]) {
        if next < first {
            class = format!("{class}{}-{}", point(next), point(first - 1));
        }
        next = next.max(last + 1);
    }
    class
}

/// A character of a class. Dialects differ in how they escape those beyond the first 65,536.
fn point(code: u32) -> String {
    match char::from_u32(code) {
        Some(c) if code > 0xffff => c.to_string(),
        _ => format!(r"\u{code:04x}"),
    }
}

/// The pattern of a line with something that is seen.
fn line_pattern() -> String {
    format!("[{BLANK}]*({}){}*", seen(), in_one_line())
}

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
        "pattern": format!("^{}$", line_pattern()),
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
        "pattern": format!("^{}$", line_pattern()),
        // No scheme, or one of these two.
        "allOf": [{ "pattern": format!("^([Hh][Tt][Tt][Pp][Ss]?://{0}*|[^:/?#]*([/?#]{0}*)?)$", in_one_line()) }],
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
    schema.insert("pattern".to_owned(), format!("^({})?$", line_pattern()).into());
}

/// A text without a line break.
pub(crate) fn in_line(schema: &mut Schema) {
    schema.insert("pattern".to_owned(), format!("^{}*$", in_one_line()).into());
}

/// A text of several lines.
pub(crate) fn lines(schema: &mut Schema) {
    schema.insert(
        "pattern".to_owned(),
        format!(r"^([\t\n\r{BLANK}]|{})*$", seen()).into(),
    );
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
