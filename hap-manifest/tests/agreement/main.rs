//! The committed JSON Schemas and the readers judge alike: what one accepts, the other accepts.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test fails as the test itself does"
)]

mod fields;
mod manifest;
mod rules;
mod wire;

use jsonschema::{Draft, Validator};
use proptest::test_runner::Config as ProptestConfig;
use serde_json::Value;

/// Eight times as many cases as usual; `PROPTEST_CASES` counts here too.
fn many_cases() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases * 8,
        ..usual
    }
}

/// A committed schema, or the definition of that name in it.
fn validator(text: &str, definition: Option<&str>) -> Validator {
    let mut schema: Value = serde_json::from_str(text).unwrap();
    if let Some(name) = definition {
        schema
            .as_object_mut()
            .unwrap()
            .insert("$ref".to_owned(), format!("#/$defs/{name}").into());
    }
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .build(&schema)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Why a schema refuses a value, in one line.
fn complaints(validator: &Validator, value: &Value) -> String {
    let complaint = |error: jsonschema::ValidationError<'_>| format!("{}: {error}", error.instance_path());
    validator
        .iter_errors(value)
        .map(complaint)
        .collect::<Vec<_>>()
        .join("; ")
}
