//! Whatever can be said in Rust about a supervisor can be said in its configuration file.

use std::collections::BTreeSet;

use hap_tests::{document, source::src_of};
use serde_json::Value;

use crate::api::Api;

/// Builders whose setters are keys, with the name that the schema has for them. Setters that add one of many
/// rules of a policy are keys in the plural.
const BUILDERS: [(&str, Option<&str>); 6] = [
    ("SupervisorBuilder", None),
    ("Policy", Some("Policy")),
    ("DefaultLimits", Some("DefaultLimits")),
    ("ProbationPolicy", Some("ProbationPolicy")),
    ("EventRetention", Some("EventRetention")),
    ("LogForwarding", Some("LogForwarding")),
];

/// Structs whose public fields are keys.
const STRUCTS: [&str; 2] = ["RestartPolicy", "HealthPolicy"];

fn schema() -> Value {
    let text = std::fs::read_to_string(document::path("host-config.schema.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn keys(schema: &Value, name: Option<&str>) -> BTreeSet<String> {
    let object = match name {
        Some(name) => &schema["$defs"][name],
        None => schema,
    };
    let properties = object["properties"].as_object();
    let properties = properties.unwrap_or_else(|| panic!("the schema has no {name:?}"));
    properties.keys().cloned().collect()
}

/// Whether a setter has this key.
fn is_of(builder: &str, setter: &str, key: &str) -> bool {
    setter == key || (builder == "Policy" && plural(setter) == key)
}

fn plural(name: &str) -> String {
    match name.strip_suffix("ty") {
        Some(stem) => format!("{stem}ties"),
        None => format!("{name}s"),
    }
}

#[test]
fn every_option_of_a_builder_is_a_key_of_the_file() {
    let (api, schema) = (Api::of_crate(&src_of("hap-host"), "hap_host"), schema());
    let mut lacking = Vec::new();
    for (builder, name) in BUILDERS {
        let keys = keys(&schema, name);
        let setters: Vec<&str> = api
            .below(&format!("pub struct hap_host::{builder}"))
            .filter(|line| {
                line.ends_with("-> Self") && (line.contains("(mut self") || line.contains("(self"))
            })
            .filter_map(|line| line.split_once("fn ")?.1.split(['(', '<']).next())
            .collect();
        assert!(setters.len() >= 3, "{builder}: {setters:?}");
        let absent = setters
            .iter()
            .filter(|setter| !keys.iter().any(|key| is_of(builder, setter, key)));
        lacking.extend(absent.map(|setter| format!("{builder}::{setter}")));
    }
    for name in STRUCTS {
        let keys = keys(&schema, Some(name));
        let fields: Vec<&str> = api
            .below(&format!("pub struct hap_host::{name}"))
            .filter_map(|line| line.strip_prefix("pub ")?.split_once(": "))
            .filter(|(field, _)| !field.contains(' '))
            .map(|(field, _)| field)
            .collect();
        assert!(fields.len() >= 3, "{name}: {fields:?}");
        let absent = fields.iter().filter(|field| !keys.contains(**field));
        lacking.extend(absent.map(|field| format!("{name}::{field}")));
    }
    assert!(
        lacking.is_empty(),
        "no key of the configuration file sets {}: add it to SupervisorConfig (hap-host/src/supervisor/config) or \
         PolicyConfig (hap-host/src/policy/config.rs), to their tests, to examples/host.json, and write the schema \
         with UPDATE_SCHEMAS=1 cargo test -p hap-host --lib config",
        lacking.join(", ")
    );
}

#[test]
fn every_key_of_the_file_is_an_option_and_nothing_is_set_that_is_not_there() {
    let (api, schema) = (Api::of_crate(&src_of("hap-host"), "hap_host"), schema());
    // What makes the builder, and what chooses the policy that the others are said on top of.
    let own = ["$schema", "engine", "state_folder", "preset"];
    for (builder, name) in BUILDERS {
        let lines: Vec<&str> = api.below(&format!("pub struct hap_host::{builder}")).collect();
        for key in keys(&schema, name) {
            let is_setter = |line: &&str| {
                let setter = line
                    .split_once("fn ")
                    .and_then(|(_, rest)| rest.split(['(', '<']).next());
                setter.is_some_and(|setter| is_of(builder, setter, &key))
            };
            assert!(
                own.contains(&key.as_str()) || lines.iter().any(is_setter),
                "{builder} has no setter of the key {key}"
            );
        }
    }
}
