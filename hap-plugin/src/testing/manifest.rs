use std::fmt;
use std::path::Path;

use hap_manifest::Manifest;
use serde::Deserializer;
use serde::de::{Deserialize, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::api::Plugin;
use crate::testing::difference;
use crate::testing::schemas::{UPDATE, read, schemas_of, updates, write};

/// The key that holds the schema of the settings.
const CONFIG_SCHEMA: &str = "config_schema";

/// What helps where there is no manifest yet.
const MISSING: &str = "write one by hand: `id`, `name`, `version`, `description`, `author` and `image` are what it has to have; \
                       UPDATE_SCHEMAS=1 only writes the schema of the settings into one that is there";

/// Asserts that a `manifest.json` is valid, without anything unknown in it, and fits the plugin:
/// its `config_schema` is that of the plugin's settings, and its endpoints are those that are
/// served. `secrets` lists nothing that is a [`Secret`](crate::Secret) in the type of the settings,
/// because that suffices. Returns it, for further checks.
///
/// A relative path begins at the folder of the crate under test, which is where Cargo runs tests.
/// With the variable `UPDATE_SCHEMAS=1` it writes the schema into the manifest first, so that
/// nobody has to; the rest stays as it is.
///
/// ```no_run
/// # fn test<Light: hap_plugin::Plugin>() {
/// let manifest = hap_plugin::testing::assert_manifest::<Light>("manifest.json");
/// assert_eq!(manifest.version().to_string(), env!("CARGO_PKG_VERSION"));
/// # }
/// ```
///
/// # Panics
/// When it is not so, telling every problem of the manifest with its line, or the first difference
/// of the schema.
#[track_caller]
#[expect(clippy::panic, reason = "a test that finds another manifest has failed")]
pub fn assert_manifest<P: Plugin>(file: impl AsRef<Path>) -> Manifest {
    let file = file.as_ref();
    let now = schemas_of::<P>().config().clone();
    let mut text = read(file, MISSING);
    if updates() {
        match with_config_schema(&text, &now) {
            Ok(updated) => write(file, &updated),
            Err(error) => panic!("{} is no JSON object: {error}", file.display()),
        }
        text = read(file, MISSING);
    }
    let manifest = match Manifest::from_json_strict(&text) {
        Ok(manifest) => manifest,
        Err(error) => panic!(
            "{} is not a valid manifest:\n{}",
            file.display(),
            error.render(&text)
        ),
    };
    let written = manifest.config_schema().unwrap_or(&Value::Null);
    if let Some(told) = difference::first(written, &now) {
        panic!(
            "the settings are not those of {} any more:\n  {CONFIG_SCHEMA} {told}\nHosts check settings by it. Write it \
             again with {UPDATE}=1 cargo test",
            file.display()
        );
    }
    for key in manifest.secrets() {
        assert!(
            !is_secret(&now, key),
            "{}: secrets lists {key:?}, which is a `Secret` in the type of the settings: that suffices for hosts; take \
             {key:?} out of secrets",
            file.display()
        );
    }
    for (key, path, served) in [
        ("health_check_path", manifest.health_check_path(), "/health"),
        ("command_endpoint", manifest.command_endpoint(), "/command"),
        ("status_endpoint", manifest.status_endpoint(), "/status"),
        ("config_endpoint", manifest.config_endpoint(), "/config"),
    ] {
        assert!(
            path.as_str() == served,
            "{}: {key} is {:?}, but this plugin serves {served:?}; leave {key} out",
            file.display(),
            path.as_str()
        );
    }
    manifest
}

/// Whether the schema itself marks what `key` names as secret: a top-level key, or a JSON pointer.
fn is_secret(schema: &Value, key: &str) -> bool {
    let place = key.strip_prefix('/').unwrap_or(key);
    let parts = place
        .split('/')
        .map(|part| part.replace("~1", "/").replace("~0", "~"));
    let mut here = schema;
    for part in parts {
        let property = resolved(schema, here)
            .get("properties")
            .and_then(|all| all.get(&part));
        let Some(property) = property else { return false };
        here = property;
    }
    let marked = |part: &Value| {
        let part = resolved(schema, part);
        part.get("writeOnly") == Some(&Value::Bool(true))
            || part.get("format").is_some_and(|format| format == "password")
    };
    // An optional one is a union of the secret and null.
    let parts = resolved(schema, here).get("anyOf").and_then(Value::as_array);
    marked(here) || parts.is_some_and(|parts| parts.iter().any(marked))
}

fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema.get("$ref").and_then(Value::as_str);
    target
        .and_then(|target| root.pointer(target.strip_prefix('#')?))
        .unwrap_or(schema)
}

/// The text of a manifest with another schema of the settings, or none, and everything else as it
/// was.
fn with_config_schema(text: &str, schema: &Value) -> serde_json::Result<String> {
    let Entries(mut entries) = serde_json::from_str(text)?;
    // Within the manifest it stands two columns further to the right.
    let new = format!("{schema:#}").replace('\n', "\n  ");
    let place = entries.iter().position(|(key, _)| key == CONFIG_SCHEMA);
    match (place, schema.is_null()) {
        (Some(place), true) => drop(entries.remove(place)),
        (Some(place), false) => entries
            .splice(place..=place, [(CONFIG_SCHEMA.to_owned(), new)])
            .for_each(drop),
        (None, true) => {}
        (None, false) => entries.push((CONFIG_SCHEMA.to_owned(), new)),
    }
    let lines: Vec<String> = entries
        .iter()
        .map(|(key, value)| format!("  {}: {value}", Value::from(key.as_str())))
        .collect();
    Ok(format!("{{\n{}\n}}\n", lines.join(",\n")))
}

/// The entries of an object in their order, each value as its text.
struct Entries(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    entries.push((key, value.get().to_owned()));
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = r#"{
  "name": "Bell",
  "id": "bell",
  "tags": [ "a",
    "b" ],
  "config_schema": {"old": true},
  "version": "1.0.0"
}
"#;

    #[test]
    fn only_the_schema_is_written_again() {
        let schema = json!({"type": "object"});
        let updated = with_config_schema(TEXT, &schema).unwrap();
        assert_eq!(
            updated,
            TEXT.replace(r#"{"old": true}"#, "{\n    \"type\": \"object\"\n  }")
        );
        assert_eq!(with_config_schema(&updated, &schema).unwrap(), updated);
        let without = with_config_schema(TEXT, &Value::Null).unwrap();
        assert_eq!(
            without,
            TEXT.replace("  \"config_schema\": {\"old\": true},\n", "")
        );
        let added = with_config_schema(&without, &schema).unwrap();
        assert!(
            added.ends_with("\"config_schema\": {\n    \"type\": \"object\"\n  }\n}\n"),
            "{added}"
        );
        assert!(with_config_schema("[]", &schema).is_err());
    }
}
