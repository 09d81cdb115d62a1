//! The committed JSON Schemas: up to date, and no narrower than the code.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of a test fails as the test itself does"
)]

mod golden;

use hap_manifest::{
    ApiPort, Capability, ContainerUser, CpuLimit, DevicePath, EndpointPath, EnvName, HumanDuration, ImageRef,
    Manifest, MemoryLimit, PidsLimit, PluginId, VolumePath, wire,
};
use schemars::{JsonSchema, SchemaGenerator, schema_for};
use serde_json::{Map, Value, json};

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

/// A schema must accept whatever the code accepts; it may be wider where patterns cannot say it.
#[track_caller]
fn texts<T: JsonSchema + std::str::FromStr>(accepted: &[&str], refused: &[&str]) {
    let schema = schema_for!(T).to_value();
    let pattern = regex_lite::Regex::new(schema["pattern"].as_str().unwrap()).unwrap();
    let longest = schema["maxLength"].as_u64().unwrap();
    let fits = |text: &str| pattern.is_match(text) && text.chars().count() as u64 <= longest;
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
    texts::<EnvName>(&["A", "_a1"], &["", "1A", "A-B", "A B", "Ä", "A=B"]);
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
