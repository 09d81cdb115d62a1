//! Every issue of a manifest: its place, code, message and help.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test itself does"
)]

mod paths;

use hap_manifest::{Issue, Manifest, Severity};
use serde_json::{Value, json};

const GUIDE: &str = include_str!("../fixtures/guide.json");

/// The guide's manifest with some fields replaced.
fn with(fields: &Value) -> String {
    let mut manifest: Value = serde_json::from_str(GUIDE).unwrap();
    let object = manifest.as_object_mut().unwrap();
    object.extend(fields.as_object().unwrap().clone());
    manifest.to_string()
}

/// All issues, errors or warnings, without their places.
fn issues(text: &str) -> Vec<String> {
    let issues = match Manifest::from_json(text) {
        Ok(parsed) => parsed.warnings,
        Err(error) => error.issues().to_vec(),
    };
    issues.iter().map(plain).collect()
}

fn plain(issue: &Issue) -> String {
    let text = issue.to_string();
    match issue.line() {
        Some(line) => text
            .strip_prefix(&format!("{line}:{}: ", issue.column().unwrap()))
            .unwrap()
            .to_owned(),
        None => text,
    }
}

#[track_caller]
fn check(fields: &Value, expected: &[&str]) {
    assert_eq!(issues(&with(fields)), expected, "{fields}");
}

#[test]
fn values_of_another_type() {
    check(
        &json!({"id": 5}),
        &["error[wrong_type] /id: expected a string, found 5; write \"5\" in quotes"],
    );
    check(
        &json!({"name": ["x"]}),
        &["error[wrong_type] /name: expected a string, found a list; write one text in quotes"],
    );
    check(
        &json!({"api_port": "8000"}),
        &[
            "error[wrong_type] /api_port: expected a whole number, found the string \"8000\"; write 8000 without quotes",
        ],
    );
    check(
        &json!({"api_port": 80.5}),
        &["error[wrong_type] /api_port: expected a whole number, found 80.5; write it without a fraction"],
    );
    check(
        &json!({"network_access": "no"}),
        &[
            "error[wrong_type] /network_access: expected true or false, found the string \"no\"; write true or false, without quotes",
        ],
    );
    check(
        &json!({"volumes": "/data"}),
        &["error[wrong_type] /volumes: expected a list, found the string \"/data\"; write [\"/data\"]"],
    );
    check(
        &json!({"env_vars": ["A=b"]}),
        &["error[wrong_type] /env_vars: expected an object, found a list; write {\"NAME\": \"value\"}"],
    );
    check(
        &json!({"env_vars": {"A": 1}}),
        &["error[wrong_type] /env_vars/A: expected a string, found 1; write \"1\" in quotes"],
    );
    check(
        &json!({"health_check": "/health"}),
        &[
            "error[wrong_type] /health_check: expected an object, found the string \"/health\"; write {\"key\": value}",
        ],
    );
    check(
        &json!({"config_schema": "schema.json"}),
        &[
            "error[wrong_type] /config_schema: expected a JSON Schema, an object, found the string \"schema.json\"; write the schema itself here, for example {\"type\": \"object\", \"properties\": {}}",
        ],
    );
    check(
        &json!({"price": {}}),
        &[
            "error[wrong_type] /price: expected a number or a string, found an object; write for example 9.99 or \"free\"",
        ],
    );
}

#[test]
fn unknown_fields_are_warnings_with_a_proposal() {
    check(
        &json!({"Image": "x", "healthcheck": {}, "colour": 1}),
        &[
            "warning[unknown_field] /Image: unknown field `Image`; did you mean `image`?",
            "warning[unknown_field] /colour: unknown field `colour`",
            "warning[unknown_field] /healthcheck: unknown field `healthcheck`; did you mean `health_check`?",
        ],
    );
    check(
        &json!({"health_check": {"intervall": "10s"}}),
        &[
            "warning[unknown_field] /health_check/intervall: unknown field `intervall`; did you mean `interval`?",
        ],
    );
    check(
        &json!({"depends_on": [{"id": "x", "verison": "1"}]}),
        &["warning[unknown_field] /depends_on/0/verison: unknown field `verison`; did you mean `version`?"],
    );
    let text = with(&json!({"colour": 1}));
    let parsed = Manifest::from_json(&text).unwrap();
    assert_eq!(parsed.warnings[0].severity(), Severity::Warning);
    // Its author has to mend it.
    let error = Manifest::from_json_strict(&text).unwrap_err();
    let [issue] = error.issues() else {
        panic!("{error}")
    };
    assert_eq!(issue.severity(), Severity::Error);
    let warned = parsed.warnings[0].to_string();
    assert_eq!(issue.to_string(), warned.replace("warning[", "error["));
}

#[test]
fn names_that_only_the_host_sets() {
    for name in hap_manifest::env::RESERVED {
        check(
            &json!({"env_vars": {*name: "x"}}),
            &[&format!(
                "error[reserved_name] /env_vars/{name}: the environment variable {name} is set by the host; remove it or choose another name"
            )],
        );
    }
}

#[test]
fn dependencies_that_never_end() {
    check(
        &json!({"depends_on": ["broker", {"id": "my-plugin"}, {"id": "broker", "version": "^1"}]}),
        &[
            "error[self_dependency] /depends_on/1: the plugin my-plugin depends on itself and would never start; remove it",
            "error[duplicate_entry] /depends_on/2: broker is already listed at /depends_on/0; remove it",
        ],
    );
    check(
        &json!({"depends_on": [{"version": "^1"}]}),
        &["error[missing_field] /depends_on/0/id: `id` is required; add \"id\" to the object"],
    );
}

#[test]
fn version_ranges_that_nothing_is_in() {
    check(
        &json!({"platform": ">2, <1", "depends_on": ["a", {"id": "b", "version": "^1, ^2"}]}),
        &[
            "error[empty_range] /depends_on/1/version: no version is in the range \"^1, ^2\"; all its parts hold at once; write for example \"^1.2\" or \">=1.2, <3\"",
            "error[empty_range] /platform: no version is in the range \">2, <1\"; did you mean \">=1, <2\"?",
        ],
    );
    check(&json!({"platform": ">1.0.0-alpha, <1.0.0"}), &[]);
}

#[test]
fn secrets_that_the_configuration_lacks() {
    let schema = json!({"type": "object", "properties": {"password": {}, "topic": {}}});
    check(
        &json!({"config_schema": schema, "secrets": ["pasword", "topic", "key", "topic"]}),
        &[
            "error[unknown_secret] /secrets/0: `pasword` is not a property of `config_schema`; did you mean `password`?",
            "error[unknown_secret] /secrets/2: `key` is not a property of `config_schema`; name a top-level key of the configuration, or what is deeper in it by a JSON pointer, such as \"/mqtt/password\"",
            "warning[duplicate_entry] /secrets/3: `topic` is already listed at /secrets/1; remove it",
        ],
    );
    // Nothing can be told without a schema, or with one whose properties are elsewhere.
    check(&json!({"secrets": ["password"]}), &[]);
    check(
        &json!({"config_schema": {"properties": {"a": {}}, "allOf": [{"properties": {"b": {}}}]}, "secrets": ["b"]}),
        &[],
    );
    for (others, issues) in [
        (json!(true), 0),
        (json!({"type": "string"}), 0),
        (json!(false), 1),
    ] {
        let schema = json!({"properties": {"a": {}}, "additionalProperties": others});
        let found = self::issues(&with(&json!({"config_schema": schema, "secrets": ["b"]})));
        assert_eq!(found.len(), issues, "{found:?}");
    }
}

#[test]
fn secrets_by_json_pointer() {
    let schema = json!({
        "properties": {
            "mqtt": {"properties": {"password": {}, "a/b": {}}},
            "accounts": {"type": "array", "items": {"properties": {"pin": {}}}},
            "any": {"type": "object"},
            "/odd": {}
        }
    });
    check(
        &json!({"config_schema": schema, "secrets": [
            "/mqtt/password", "/mqtt/a~1b", "/accounts/0/pin", "/accounts/0", "/any/token", "/odd", "any"
        ]}),
        &[],
    );
    check(
        &json!({"config_schema": schema, "secrets": [
            "mqtt/password", "/mqtt/pasword", "/mqqt/password", "/mqtt/ab", "/accounts/0/pinn", "/nothing/like/it"
        ]}),
        &[
            "error[unknown_secret] /secrets/0: `mqtt/password` is not a property of `config_schema`; did you mean `/mqtt/password`?",
            "error[unknown_secret] /secrets/1: `/mqtt/pasword` is not a property of `config_schema`; did you mean `/mqtt/password`?",
            "error[unknown_secret] /secrets/2: `/mqqt/password` is not a property of `config_schema`; did you mean `/mqtt`?",
            "error[unknown_secret] /secrets/3: `/mqtt/ab` is not a property of `config_schema`; did you mean `/mqtt/a~1b`?",
            "error[unknown_secret] /secrets/4: `/accounts/0/pinn` is not a property of `config_schema`; did you mean `/accounts/0/pin`?",
            "error[unknown_secret] /secrets/5: `/nothing/like/it` is not a property of `config_schema`; name a top-level key of the configuration, or what is deeper in it by a JSON pointer, such as \"/mqtt/password\"",
        ],
    );
}

#[test]
fn health_checks_that_overlap() {
    check(
        &json!({"health_check": {"interval": "5s", "timeout": "5s"}}),
        &[
            "error[health_timing] /health_check/timeout: invalid health check timeout 5s: it must be shorter than the interval, 5s; write a shorter timeout or a longer interval",
        ],
    );
    check(
        &json!({"health_check": {"interval": "2s", "timeout": null}}),
        &[
            "error[health_timing] /health_check/interval: invalid health check timeout 3s: it must be shorter than the interval, 2s; this is the default of `timeout`; add a shorter one",
        ],
    );
    check(
        &json!({"health_check": {"timeout": "15s"}}),
        &[
            "error[health_timing] /health_check/timeout: invalid health check timeout 15s: it must be shorter than the interval, 10s; write a shorter timeout or a longer interval",
        ],
    );
    check(
        &json!({"health_check": {"interval": "900ms", "timeout": "0s", "retries": 101}}),
        &[
            "error[invalid_value] /health_check/interval: invalid health check interval 900ms: it must be at least 1s; write for example \"10s\"",
            "error[invalid_value] /health_check/retries: invalid health check retries 101: it must be from 1 to 100; 3 is the default",
            "error[invalid_value] /health_check/timeout: invalid health check timeout 0s: it must be more than 0; write for example \"3s\"",
        ],
    );
    // A refused interval is told once, and not compared by its default.
    check(
        &json!({"health_check": {"interval": "x", "timeout": "15s"}}),
        &[
            "error[invalid_value] /health_check/interval: invalid duration \"x\": it must begin with a digit; write for example \"10s\"",
        ],
    );
}

#[test]
fn devices_without_access() {
    check(
        &json!({"devices": ["/dev/ttyUSB0"]}),
        &[
            "error[devices_without_access] /devices: `devices` are listed, but `device_access` is false; add \"device_access\": true",
        ],
    );
    check(&json!({"devices": ["/dev/ttyUSB0"], "device_access": true}), &[]);
}

#[test]
fn lists_are_bounded() {
    let many: Vec<_> = (0..257).map(|n| format!("/data{n}")).collect();
    check(
        &json!({"volumes": many}),
        &["error[too_many] /volumes: 257 entries, at most 256 are allowed"],
    );
}

#[test]
fn reports_are_bounded() {
    let many: serde_json::Map<_, _> = (0..500).map(|n| (format!("unknown_{n}"), Value::Null)).collect();
    let warnings = Manifest::from_json(&with(&Value::Object(many))).unwrap().warnings;
    assert_eq!(warnings.len(), 101);
    assert!(
        warnings
            .iter()
            .any(|issue| issue.message() == "400 more problems are not listed")
    );
}

#[test]
fn large_and_deep_texts_are_refused() {
    let large = format!("{}{{}}", " ".repeat(Manifest::MAX_BYTES));
    assert_eq!(
        issues(&large),
        ["error[too_large]: the manifest has 262146 bytes, at most 262144 are allowed"]
    );
    let deep = "[".repeat(200_000);
    assert_eq!(
        issues(&deep),
        ["error[invalid_json]: not valid JSON: lists and objects are nested more than 127 deep"]
    );
}

#[test]
fn what_is_no_object_is_refused() {
    assert_eq!(
        issues("[]"),
        ["error[wrong_type]: expected an object, found a list; write {\"key\": value}"]
    );
    assert_eq!(
        issues("{} x"),
        [
            "error[invalid_json]: not valid JSON: expected the end, found \"x\"; remove what follows the document's last '}'"
        ]
    );
}

#[test]
fn a_report_cannot_steer_a_terminal() {
    let hostile = "{\"\u{1b}[2J\u{202e}\": \"\u{1b}\"";
    let error = Manifest::from_json(hostile).unwrap_err();
    let escaped = with(&json!({"id": "\u{1b}[2J", "\u{1b}[2J\u{9b}": 1, "name": "\u{202e}x\u{0}"}));
    let error2 = Manifest::from_json(&escaped).unwrap_err();
    for text in [
        error.to_string(),
        error.render(hostile),
        error2.to_string(),
        error2.render(&escaped),
    ] {
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.contains('\u{202e}'), "{text:?}");
    }
}

#[cfg(feature = "config-schema")]
#[test]
fn strict_reading_compiles_the_schema_and_checks_its_defaults() {
    let strict = |schema: Value| {
        let text = with(&json!({ "config_schema": schema }));
        let error = Manifest::from_json_strict(&text).unwrap_err();
        assert!(Manifest::from_json(&text).unwrap().warnings.is_empty());
        error.issues().iter().map(plain).collect::<Vec<_>>()
    };
    assert_eq!(
        strict(json!({"properties": {"port": {"type": "integer", "maximum": 65535, "default": 70000}}})),
        [
            "error[wrong_default] /config_schema/properties/port/default: this default is refused by its own schema: \
             70000 is greater than the maximum of 65535; a user who changes nothing would have settings that are \
             refused: mend the default or the rule"
        ]
    );
    assert_eq!(
        strict(json!({"properties": {"port": {"$ref": "port.json"}}})),
        [
            "error[invalid_schema] /config_schema/properties/port/$ref: not a usable JSON Schema: it refers to \"port.json\", and only to \
             itself it may, by JSON pointer; copy that schema into \"$defs\" and refer to it, such as \"#/$defs/port\""
        ]
    );
    assert_eq!(
        strict(json!({"properties": {"port": {"minimum": "1"}}})),
        [
            "error[invalid_schema] /config_schema/properties/port/minimum: not a usable JSON Schema: \"1\" is not of \
             type \"number\""
        ]
    );
    // Whatever else is wrong.
    let text = json!({"id": "X", "config_schema": {"properties": {"port": {"minimum": "1"}}}}).to_string();
    let error = Manifest::from_json_strict(&text).unwrap_err();
    assert!(
        error
            .issues()
            .iter()
            .any(|issue| issue.code() == "invalid_schema"),
        "{error}"
    );
    assert!(
        error.issues().iter().any(|issue| issue.code() == "invalid_value"),
        "{error}"
    );
}
