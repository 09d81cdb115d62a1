//! The page `docs/manifest.md` against the schema and the reader: every field, its default, its example, and what it asks for.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as the tests do"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hap_manifest::permission::{Permission, requested};
use hap_manifest::{IssueCode, Manifest};
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("../manifest.schema.json");
const README: &str = include_str!("../README.md");

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/manifest.md");
    std::fs::read_to_string(path).unwrap()
}

/// A row of one of the tables.
struct Row {
    field: String,
    default: String,
    asks: String,
    example: String,
}

/// What stands between backticks.
fn quoted(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?.strip_suffix('`')
}

fn rows(page: &str) -> Vec<Row> {
    let cells = |line: &str| {
        let inner = line.strip_prefix('|')?.strip_suffix('|')?;
        let cells: Vec<_> = inner.split('|').map(|cell| cell.trim().to_owned()).collect();
        <[String; 6]>::try_from(cells).ok()
    };
    let rows = page.lines().filter_map(cells).filter_map(|cells| {
        let [field, _, default, _, asks, example] = cells;
        Some(Row {
            field: quoted(&field)?.to_owned(),
            default,
            asks,
            example,
        })
    });
    rows.collect()
}

/// The schema of a field, or of a part of one.
fn property(schema: &Value, field: &str) -> (Value, bool) {
    let at = match field.split_once('.') {
        None => schema,
        Some(("health_check", _)) => &schema["$defs"]["HealthCheck"],
        Some(("restart", _)) => &schema["$defs"]["RestartPolicy"]["anyOf"][1],
        Some(("depends_on", _)) => &schema["$defs"]["Dependency"]["anyOf"][1],
        Some(_) => panic!("{field}"),
    };
    let name = field.rsplit('.').next().unwrap();
    let required = at["required"].as_array().into_iter().flatten();
    let required = required.filter_map(Value::as_str).any(|key| key == name);
    let property = at["properties"][name].clone();
    assert!(property.is_object(), "the schema has no {field}");
    (property, required)
}

#[test]
fn the_page_has_every_field_and_every_part_once() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let parts = [
        ("health_check", &schema["$defs"]["HealthCheck"]),
        ("restart", &schema["$defs"]["RestartPolicy"]["anyOf"][1]),
        ("depends_on", &schema["$defs"]["Dependency"]["anyOf"][1]),
    ];
    let names = |object: &Value| -> Vec<String> {
        object["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    let mut expected = names(&schema);
    for (field, object) in parts {
        expected.extend(names(object).iter().map(|part| format!("{field}.{part}")));
    }
    let mut listed: Vec<_> = rows(&page()).into_iter().map(|row| row.field).collect();
    listed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(listed, expected);
}

#[test]
fn the_page_tells_the_defaults_of_the_schema() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    for Row { field, default, .. } in rows(&page()) {
        let (property, required) = property(&schema, &field);
        assert_eq!(default == "required", required, "{field}");
        if field == "health_check" {
            continue;
        }
        let told = quoted(&default).map_or(Value::Null, |json| serde_json::from_str(json).unwrap());
        let known = property.get("default").cloned().unwrap_or_default();
        assert_eq!(told, known, "{field}");
    }
}

/// A manifest that asks for nothing, with this field as the page shows it.
fn with(field: &str, example: &Value) -> Value {
    let mut manifest = json!({
        "id": "lamp", "name": "Lamp", "version": "1.0.0", "description": "", "author": "", "image": "example/lamp:1",
        "network_access": false, "device_access": field == "devices"
    });
    let value = match field.split_once('.') {
        None => example.clone(),
        Some(("depends_on", "version")) => json!([{"id": "clock", "version": example}]),
        Some(("depends_on", part)) => json!([{ part: example }]),
        Some((_, part)) => json!({ part: example }),
    };
    let key = field.split('.').next().unwrap();
    if key == "secrets" {
        manifest["config_schema"] = json!({"properties": {
            "password": {}, "mqtt": {"properties": {"password": {}}}
        }});
    }
    manifest[key] = value;
    manifest
}

#[test]
fn the_examples_of_the_page_are_good_and_ask_for_what_it_says() {
    let mut kinds = BTreeSet::new();
    for Row {
        field, asks, example, ..
    } in rows(&page())
    {
        let example: Value = serde_json::from_str(quoted(&example).unwrap()).unwrap();
        let manifest = with(&field, &example);
        let manifest = Manifest::from_json_strict(&manifest.to_string());
        let manifest = manifest.unwrap_or_else(|error| panic!("{field}: {error}"));
        let told: BTreeSet<_> = asks.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        for permission in requested(&manifest) {
            let id = permission.id();
            let kind = id.split(':').next().unwrap();
            assert!(told.contains(kind), "{field} asks for {kind}");
        }
        kinds.extend(told);
    }
    // Each kind that there is, and none that there is not.
    let known = [
        "build",
        "capability:NET_RAW",
        "cpu:4",
        "device:/dev/a",
        "host_devices",
        "memory:2g",
        "network",
        "processes:2000",
        "root",
        "root_group",
        "writable_root",
    ];
    let known = known.map(|id| {
        assert!(id.parse::<Permission>().is_ok(), "{id}");
        id.split(':').next().unwrap().to_owned()
    });
    assert_eq!(kinds, BTreeSet::from(known));
}

#[test]
fn the_page_explains_every_code_and_its_own_example_is_good() {
    let page = page();
    let (_, codes) = page.split_once("| code | what is wrong |").unwrap();
    for code in IssueCode::ALL {
        assert!(codes.contains(&format!("`{code}`")), "{code}");
    }
    let (_, rest) = page.split_once("```json\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    Manifest::from_json_strict(example).unwrap();
}

/// The short list of the crate's own page.
#[test]
fn the_readme_has_every_field() {
    let (_, section) = README.split_once("| field | rule | default |").unwrap();
    let (section, _) = section.split_once("\n\n").unwrap();
    let mut listed = BTreeMap::new();
    for line in section.lines().skip(2) {
        let first = line.trim_start_matches('|').split(" | ").next().unwrap();
        for name in first.split('`').skip(1).step_by(2) {
            *listed.entry(name).or_insert(0) += 1;
        }
    }
    let expected: BTreeMap<_, _> = Manifest::FIELDS.iter().map(|name| (*name, 1)).collect();
    assert_eq!(listed, expected);
}
