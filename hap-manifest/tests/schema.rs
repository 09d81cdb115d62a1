//! The committed JSON Schemas: up to date, and good to write a manifest with.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test itself does"
)]

mod golden;

use hap_manifest::{
    ApiPort, Capability, ContainerUser, CpuLimit, DevicePath, DockerfilePath, EndpointPath, EnvName,
    HumanDuration, ImageRef, Manifest, MemoryLimit, PidsLimit, PluginId, VolumePath, wire,
};
use schemars::{JsonSchema, SchemaGenerator, schema_for};
use serde_json::{Map, Value, json};

const MANIFEST: &str = include_str!("../manifest.schema.json");
const WIRE: &str = include_str!("../wire.schema.json");

/// Sorted keys, whatever order the map type of `serde_json` keeps in this build.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut members: Vec<_> = object
                .into_iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(Map::from_iter(members))
        }
        Value::Array(entries) => Value::Array(entries.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[track_caller]
fn check(path: &str, schema: Value) {
    let mut text = serde_json::to_string_pretty(&sorted(schema)).unwrap();
    text.push('\n');
    golden::check(path, &text);
}

#[test]
fn the_schema_of_manifests_is_up_to_date() {
    check("manifest.schema.json", schema_for!(Manifest).to_value());
}

#[test]
fn the_schema_of_the_wire_is_up_to_date() {
    fn add<T: JsonSchema>(generator: &mut SchemaGenerator) {
        generator.subschema_for::<T>();
    }
    let mut generator = SchemaGenerator::default();
    add::<wire::CommandRequest>(&mut generator);
    add::<wire::CommandResponse>(&mut generator);
    add::<wire::HealthReport>(&mut generator);
    add::<wire::StatusReport>(&mut generator);
    add::<wire::ConfigAck>(&mut generator);
    add::<wire::WireError>(&mut generator);
    add::<wire::Describe>(&mut generator);
    add::<wire::Event>(&mut generator);
    add::<wire::EventDraft>(&mut generator);
    check(
        "wire.schema.json",
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "urn:hap:wire:1",
            "title": "Plugin protocol",
            "description": "What travels between a host and a plugin, version 1: the shapes of requests and replies.",
            "$defs": generator.take_definitions(true),
        }),
    );
}

#[test]
fn every_field_of_a_manifest_is_in_its_schema() {
    let schema = schema_for!(Manifest).to_value();
    let full: Map<String, Value> = serde_json::from_str(include_str!("fixtures/full.json")).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    assert_eq!(
        properties.keys().collect::<Vec<_>>(),
        full.keys().collect::<Vec<_>>()
    );
    let mut known = Manifest::FIELDS.to_vec();
    known.sort_unstable();
    assert_eq!(properties.keys().collect::<Vec<_>>(), known);
    let mut required: Vec<_> = schema["required"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    required.sort_unstable();
    assert_eq!(
        required,
        ["author", "description", "id", "image", "name", "version"]
    );
    assert_ne!(schema["additionalProperties"], false);
}

#[test]
fn the_schemas_are_schemas() {
    for text in [MANIFEST, WIRE] {
        let schema: Value = serde_json::from_str(text).unwrap();
        assert!(jsonschema::meta::is_valid(&schema));
        for key in ["$schema", "$id", "title", "description"] {
            assert!(
                schema[key].as_str().is_some_and(|text| !text.is_empty()),
                "{key} of {}",
                schema["$id"]
            );
        }
    }
}

/// Calls `look` with the place of every property, the property, and whether it is required.
fn properties(place: &str, schema: &Value, look: &mut impl FnMut(&str, &Value, bool)) {
    match schema {
        Value::Object(object) => {
            for (key, inner) in object {
                let place = format!("{place}/{key}");
                match (key.as_str(), inner) {
                    // What is given as a value is no schema.
                    ("examples" | "default" | "const" | "enum" | "if" | "then", _) => {}
                    ("properties", Value::Object(members)) => {
                        let required = object.get("required").and_then(Value::as_array);
                        for (name, property) in members {
                            let place = format!("{place}/{name}");
                            let is_required =
                                required.is_some_and(|names| names.contains(&name.as_str().into()));
                            look(&place, property, is_required);
                            properties(&place, property, look);
                        }
                    }
                    _ => properties(&place, inner, look),
                }
            }
        }
        Value::Array(entries) => entries
            .iter()
            .enumerate()
            .for_each(|(index, inner)| properties(&format!("{place}/{index}"), inner, look)),
        _ => {}
    }
}

/// A sentence: an editor shows it beside the text.
#[track_caller]
fn check_description(place: &str, schema: &Value) {
    let description = schema["description"].as_str().unwrap_or_default();
    assert!(
        description.len() > 5 && description.ends_with('.'),
        "{place} is described by {description:?}"
    );
}

#[test]
fn every_property_tells_an_editor_what_to_write() {
    let schema: Value = serde_json::from_str(MANIFEST).unwrap();
    let mut seen = 0;
    properties("", &schema, &mut |place, property, required| {
        seen += 1;
        check_description(place, property);
        let alone = json!({ "$defs": schema["$defs"], "allOf": [property] });
        let alone = jsonschema::validator_for(&alone).unwrap();
        let examples = property["examples"].as_array();
        assert!(
            examples.is_some_and(|examples| !examples.is_empty()),
            "{place} has no example"
        );
        for example in examples.into_iter().flatten() {
            assert!(
                !example.is_null() && alone.is_valid(example),
                "{place}: {example}"
            );
        }
        let default = property.get("default");
        assert_eq!(default.is_some(), !required, "the default of {place}");
        assert!(
            default.is_none_or(|default| alone.is_valid(default)),
            "the default of {place}"
        );
        // Leaving a field out and saying null are the same.
        assert_eq!(alone.is_valid(&Value::Null), !required, "null for {place}");
    });
    assert!(seen > 40, "{seen}");
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        check_description(name, definition);
        assert!(
            definition["examples"]
                .as_array()
                .is_some_and(|list| !list.is_empty()),
            "{name} has no example"
        );
    }
}

#[test]
fn the_defaults_of_the_schema_are_those_of_the_reader() {
    let schema: Value = serde_json::from_str(MANIFEST).unwrap();
    let least = Manifest::from_json_strict(include_str!("fixtures/guide.json")).unwrap();
    let mut explicit = serde_json::to_value(&least).unwrap();
    for (key, property) in schema["properties"].as_object().unwrap() {
        let guide = explicit.as_object_mut().unwrap();
        if let Some(default) = property.get("default").filter(|_| !guide.contains_key(key)) {
            guide.insert(key.clone(), default.clone());
        }
    }
    assert_eq!(Manifest::from_json_strict(&explicit.to_string()).unwrap(), least);
    // And those that are always written.
    let bare = Manifest::builder("a", "a", "1.0.0", "a").build().unwrap();
    for (key, written) in serde_json::to_value(&bare).unwrap().as_object().unwrap() {
        if let Some(default) = schema["properties"][key].get("default") {
            assert_eq!(default, written, "{key}");
        }
    }
}

#[test]
fn every_word_of_a_choice_is_explained() {
    fn choices(schema: &Value, found: &mut Vec<String>) {
        if let Some(word) = schema.get("const").and_then(Value::as_str) {
            check_description(word, schema);
            found.push(word.to_owned());
        }
        match schema {
            Value::Object(object) => object.values().for_each(|inner| choices(inner, found)),
            Value::Array(entries) => entries.iter().for_each(|inner| choices(inner, found)),
            _ => {}
        }
    }
    let schema: Value = serde_json::from_str(MANIFEST).unwrap();
    let mut found = Vec::new();
    choices(&schema["$defs"], &mut found);
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, ["always", "never", "no", "on-failure", "unless-stopped"]);
}

#[test]
fn the_examples_of_the_schema_are_manifests() {
    let schema: Value = serde_json::from_str(MANIFEST).unwrap();
    let whole = jsonschema::validator_for(&schema).unwrap();
    let examples = schema["examples"].as_array().unwrap();
    assert!(!examples.is_empty());
    for example in examples {
        assert!(whole.is_valid(example));
        assert!(
            Manifest::from_json_strict(&example.to_string()).is_ok(),
            "{example}"
        );
    }
}

#[test]
fn every_part_of_the_protocol_is_described() {
    let schema: Value = serde_json::from_str(WIRE).unwrap();
    properties("", &schema, &mut |place, property, _| {
        check_description(place, property)
    });
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        check_description(name, definition);
    }
}

/// Type by type, and with words in which the next reader sees what is meant; `tests/agreement` tries much more.
#[track_caller]
fn texts<T: JsonSchema + std::str::FromStr>(accepted: &[&str], refused: &[&str]) {
    let schema = jsonschema::validator_for(&schema_for!(T).to_value()).unwrap();
    let fits = |text: &str| schema.is_valid(&text.into());
    for text in accepted {
        assert!(text.parse::<T>().is_ok(), "{text:?} is refused by the code");
        assert!(fits(text), "{text:?} is refused by the schema");
    }
    for text in refused {
        assert!(text.parse::<T>().is_err(), "{text:?} is accepted by the code");
        assert!(!fits(text), "{text:?} is accepted by the schema");
    }
}

#[test]
fn texts_are_judged_alike_by_schema_and_code() {
    let label = "a".repeat(63);
    texts::<PluginId>(
        &["a", "a-1", "0", &label],
        &["", "A", "-a", "a-", "a_b", "a.b", "a\n", &format!("{label}a")],
    );
    let digest = format!("a@sha256:{}", "0".repeat(64));
    texts::<ImageRef>(
        &["a", "a/b:C_1", "[::1]:5000/a", "R.io:1/a__b", &digest],
        &["", "--a", "a b", "a\n", "$a"],
    );
    texts::<MemoryLimit>(
        &["6m", "512M", "1g", "6291456", "6291456b"],
        &["", "m", "-6m", "1.5g", "512mb", " 6m", "6 m"],
    );
    texts::<HumanDuration>(
        &["0s", "500ms", "24h", "007m"],
        &["", "s", "10", "1.5s", "1m30s", "-1s", "10S"],
    );
    texts::<EndpointPath>(
        &["/", "/a", "/a/", "/a/b.c/~d"],
        &["", "a", "//", "/a//b", "/a?b", "/a#b", "/%61", "/a b"],
    );
    texts::<VolumePath>(
        &["/a", "/a/b c", "/ä"],
        &["", "/", "a", "/a/", "//a", "/a:b", "/a\\b", "/a\n", "/a\u{7f}"],
    );
    texts::<DockerfilePath>(
        &["Dockerfile", "./a", "a/b c", "..a", ".../ä"],
        &[
            "",
            ".",
            "./",
            "../a",
            "a/",
            "/a",
            "a//b",
            "a\\b",
            "C:a",
            "a\u{202e}",
        ],
    );
    texts::<EnvName>(
        &["A", "_a1", "A-B", "a.b"],
        &["", "1A", "-A", ".A", "A B", "Ä", "A=B"],
    );
    texts::<DevicePath>(
        &["/dev/ttyUSB0", "/dev/bus/usb"],
        &["", "/dev", "/dev/", "/etc/x", "/dev//x", "/dev/a:b"],
    );
    texts::<Capability>(
        &["NET_RAW", "CAP_NET_RAW"],
        &["", "net_raw", "NET-RAW", "1A", "_A"],
    );
    texts::<ContainerUser>(
        &["1000", "a:b", "1000:1000", "_x.y-z"],
        &["", ":", "a:", ":b", "a:b:c", "a b", "-a"],
    );
}

#[test]
fn numbers_are_judged_alike_by_schema_and_code() {
    fn range<T: JsonSchema>() -> (f64, f64) {
        let schema = schema_for!(T).to_value();
        (
            schema["minimum"].as_f64().unwrap(),
            schema["maximum"].as_f64().unwrap(),
        )
    }
    assert_eq!(
        range::<CpuLimit>(),
        (CpuLimit::MIN.as_cores(), CpuLimit::MAX.as_cores())
    );
    assert_eq!(range::<PidsLimit>(), (1.0, f64::from(PidsLimit::MAX)));
    assert_eq!(range::<ApiPort>(), (1.0, 65535.0));
}
