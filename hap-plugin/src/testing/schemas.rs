use std::path::Path;

use serde_json::{Value, json};

use crate::Plugin;
use crate::schemas::Schemas;

/// Variable that makes [`assert_schemas`] write the file instead of comparing it.
const UPDATE: &str = "UPDATE_SCHEMAS";

/// Asserts that the JSON Schemas of a plugin's commands, settings and status are those in a file under version
/// control: what hosts and users rely on has not changed unnoticed.
///
/// With the variable `UPDATE_SCHEMAS` set it writes the file instead.
///
/// ```no_run
/// # fn test<Light: hap_plugin::Plugin>() {
/// hap_plugin::testing::assert_schemas::<Light>(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas.json"));
/// # }
/// ```
///
/// # Panics
/// When they differ, naming the parts that do, or the command type has no schema to be told.
#[track_caller]
#[expect(clippy::panic, reason = "a test that finds another schema has failed")]
pub fn assert_schemas<P: Plugin>(file: impl AsRef<Path>) {
    let file = file.as_ref();
    let schemas = match Schemas::of::<P>() {
        Ok(schemas) => schemas,
        Err(error) => panic!("{error}"),
    };
    let now = schemas.parts();
    if std::env::var_os(UPDATE).is_some() {
        let text = format!("{now:#}\n");
        if let Err(error) = std::fs::write(file, text) {
            panic!("{} cannot be written: {error}", file.display());
        }
        return;
    }
    let written = match std::fs::read_to_string(file) {
        Ok(text) => serde_json::from_str(&text).unwrap_or_default(),
        Err(error) => panic!(
            "{} cannot be read: {error}; write it with {UPDATE}=1",
            file.display()
        ),
    };
    let differing = differences(&written, &now);
    assert!(
        differing.is_empty(),
        "the schemas of {} have changed: {}. Hosts and users rely on them: if it is wanted, raise the plugin's \
         version, and write the file anew with {UPDATE}=1",
        file.display(),
        differing.join(", ")
    );
}

/// The names of the parts that differ.
fn differences(written: &Value, now: &Value) -> Vec<&'static str> {
    ["commands", "config", "status"]
        .into_iter()
        .filter(|part| written.get(part).unwrap_or(&json!(null)) != now.get(part).unwrap_or(&json!(null)))
        .collect()
}
