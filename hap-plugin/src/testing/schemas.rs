use std::io::ErrorKind;
use std::path::Path;

use serde_json::Value;

use crate::api::Plugin;
use crate::server::Schemas;
use crate::testing::difference;

/// Variable that makes [`assert_schemas`] and [`assert_manifest`](super::assert_manifest) write the
/// file.
pub(super) const UPDATE: &str = "UPDATE_SCHEMAS";

/// Whether files are to be written instead of compared.
pub(super) fn updates() -> bool {
    std::env::var_os(UPDATE).is_some_and(|value| !value.is_empty() && value != "0")
}

/// Asserts that the JSON Schemas of a plugin's commands, settings and status are those in a file
/// under version control: what hosts and users rely on has not changed unnoticed.
///
/// A relative path begins at the folder of the crate under test, which is where Cargo runs tests.
/// With the variable `UPDATE_SCHEMAS=1` it writes the file, and its folder, instead.
///
/// ```no_run
/// # fn test<Light: hap_plugin::Plugin>() {
/// hap_plugin::testing::assert_schemas::<Light>("schemas.json");
/// # }
/// ```
///
/// # Panics
/// When they differ, telling the first difference of each, or the command type has no schema to be
/// told.
#[track_caller]
#[expect(clippy::panic, reason = "a test that finds another schema has failed")]
pub fn assert_schemas<P: Plugin>(file: impl AsRef<Path>) {
    let file = file.as_ref();
    let now = schemas_of::<P>().parts();
    if updates() {
        write(file, &format!("{now:#}\n"));
        return;
    }
    let written: Value = match serde_json::from_str(&read(file, "write it with UPDATE_SCHEMAS=1 cargo test"))
    {
        Ok(written) => written,
        Err(error) => panic!(
            "{} is no JSON: {error}; write it again with {UPDATE}=1",
            file.display()
        ),
    };
    let differences = differences(&written, &now);
    assert!(
        differences.is_empty(),
        "the schemas are not those of {} any more:\n  {}\nHosts and users rely on them. If the change is meant, raise \
         the plugin's version and write the file again: {UPDATE}=1 cargo test",
        file.display(),
        differences.join("\n  ")
    );
}

#[track_caller]
#[expect(clippy::panic, reason = "a plugin without schemas fails its test")]
pub(super) fn schemas_of<P: Plugin>() -> Schemas {
    match Schemas::of::<P>() {
        Ok(schemas) => schemas,
        Err(error) => panic!("{error}"),
    }
}

/// `missing` is the remedy where there is no such file.
#[track_caller]
#[expect(clippy::panic, reason = "a test without its file has failed")]
pub(super) fn read(file: &Path, missing: &str) -> String {
    match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // A relative path tells nothing where Cargo is called from another folder.
            let place = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
            panic!("there is no {}; {missing}", place.display())
        }
        Err(error) => panic!("{} cannot be read: {error}", file.display()),
    }
}

#[track_caller]
#[expect(clippy::panic, reason = "what was to be written and is not fails the test")]
pub(super) fn write(file: &Path, text: &str) {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let written = folder
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(file, text));
    if let Err(error) = written {
        panic!("{} cannot be written: {error}", file.display());
    }
}

/// The first difference of each part.
fn differences(written: &Value, now: &Value) -> Vec<String> {
    let part = |name: &&str| {
        let (written, now) = (
            written.get(name).unwrap_or(&Value::Null),
            now.get(name).unwrap_or(&Value::Null),
        );
        difference::first(written, now).map(|told| format!("{name} {told}"))
    };
    ["commands", "config", "status"].iter().filter_map(part).collect()
}
