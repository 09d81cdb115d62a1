use serde_json::{Value, json};

use super::schema::ConfigSchema;

fn schema(value: &Value) -> ConfigSchema {
    ConfigSchema::new(value, ["password"]).unwrap()
}

#[track_caller]
fn refused(value: &Value, expected: &str) {
    let error = ConfigSchema::new(value, [""; 0]).unwrap_err();
    assert_eq!(error.to_string(), expected, "{value}");
}

#[track_caller]
fn problems(schema: &ConfigSchema, config: &Value) -> Vec<String> {
    let problems = schema.check(config).unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

fn broker() -> Value {
    json!({
        "type": "object",
        "properties": {
            "broker": {
                "type": "object",
                "properties": {
                    "host": {"type": "string", "pattern": "^[a-z.]+$"},
                    "port": {"$ref": "#/$defs/port"},
                    "key": {"$ref": "#/$defs/key"}
                },
                "required": ["host"],
                "additionalProperties": false
            },
            "password": {"type": "string", "minLength": 8},
            "level": {"enum": ["low", "high"], "default": "low"}
        },
        "$defs": {
            "port": {"type": "integer", "maximum": 65535, "default": 1883},
            "key": {"type": "string", "maxLength": 4, "writeOnly": true}
        }
    })
}

#[test]
fn all_problems_are_told_with_their_places_and_values() {
    let schema = schema(&broker());
    schema
        .check(&json!({"broker": {"host": "a.b"}, "password": "long enough"}))
        .unwrap();
    let config = json!({"broker": {"port": 70000, "hots": 1}, "level": "middle"});
    assert_eq!(
        problems(&schema, &config),
        [
            "/broker: Additional properties are not allowed ('hots' was unexpected)",
            "/broker: \"host\" is a required property",
            "/broker/port: 70000 is greater than the maximum of 65535",
            "/level: \"middle\" is not one of \"low\" or \"high\"",
        ]
    );
}

#[test]
fn no_problem_repeats_a_secret() {
    let secret = "hunter2";
    let schema = schema(&json!({
        "properties": broker()["properties"],
        "$defs": broker()["$defs"],
        "anyOf": [{"required": ["x"]}, {"required": ["y"]}],
        "maxProperties": 1
    }));
    let config = json!({"password": secret, "broker": {"host": "a", "key": secret}});
    let text = schema.check(&config).unwrap_err().to_string();
    assert!(text.contains("/password: the secret value is shorter"), "{text}");
    assert!(text.contains("/broker/key: the secret value is longer"), "{text}");
    assert!(text.contains("the object is not valid under any"), "{text}");
    assert!(!text.contains(secret), "{text}");
    assert!(!format!("{schema:?}").contains(secret));
    let shown = schema.redacted(&config);
    assert_eq!(
        shown,
        json!({"password": "***", "broker": {"host": "a", "key": "***"}})
    );
    assert!(schema.is_secret("/broker/key") && !schema.is_secret("/broker/host") && !schema.is_secret(""));
}

#[test]
fn defaults_are_gathered_through_references_and_nested_objects() {
    let expected = json!({"broker": {"port": 1883}, "level": "low"});
    assert_eq!(schema(&broker()).defaults(), expected);
    schema(&broker()).check_defaults().unwrap();
}

#[test]
fn a_default_that_its_own_schema_refuses_is_found_without_repeating_a_secret() {
    let source = json!({
        "properties": {
            "a b": {"type": "integer", "default": "x"},
            "list": {"items": {"minimum": 3, "default": 2}},
            "password": {"minLength": 8, "default": "hunter2"},
            "fine": {"type": "integer", "default": 1}
        }
    });
    let found = schema(&source).check_defaults().unwrap_err();
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "/properties/a b/default: \"x\" is not of type \"integer\"",
            "/properties/list/items/default: 2 is less than the minimum of 3",
            "/properties/password/default: the secret value is shorter than 8 characters",
        ]
    );
}

#[test]
fn what_is_no_schema_is_refused_with_its_place() {
    refused(
        &json!({"properties": {"a": {"type": "strnig"}}}),
        "invalid config_schema: at \"/properties/a/type\": \"strnig\" is not a type; did you mean \"string\"?",
    );
    let error = ConfigSchema::new(&json!({"pattern": "("}), [""; 0]).unwrap_err();
    assert!(
        error.to_string().starts_with("invalid config_schema: "),
        "{error}"
    );
    let look_around = json!({"properties": {"a": {"pattern": "^(?!x)"}}});
    refused(
        &look_around,
        "invalid config_schema: at \"/properties/a/pattern\": the pattern \"^(?!x)\" cannot be used; check its brackets; \
         look-around such as (?=x), back-references and giant repetitions are not supported",
    );
    let all = json!({"properties": {
        "a": {"type": "int"}, "b": {"pattern": "("}, "c": {"items": {"pattern": "[a-z"}}, "d": {"required": true}
    }, "required": "a"});
    let faults = ConfigSchema::compiled(&all, std::iter::empty()).unwrap_err();
    let mut faults: Vec<_> = faults
        .into_iter()
        .map(|fault| fault.into_issue().to_string())
        .collect();
    faults.sort_unstable();
    let no_pattern = "cannot be used; check its brackets; look-around such as (?=x), back-references and giant repetitions are not supported";
    let start = "error[invalid_schema] /config_schema";
    let usable = "not a usable JSON Schema";
    assert_eq!(
        faults,
        [
            format!("{start}/properties/a/type: {usable}: \"int\" is not a type; did you mean \"integer\"?"),
            format!("{start}/properties/b/pattern: {usable}: the pattern \"(\" {no_pattern}"),
            format!("{start}/properties/c/items/pattern: {usable}: the pattern \"[a-z\" {no_pattern}"),
            format!(
                "{start}/properties/d/required: {usable}: `required` stands in the object, not in its property; list the names of \
                 required properties beside \"properties\": \"required\": [\"host\"]"
            ),
            format!("{start}/required: {usable}: \"a\" is not of type \"array\"; write [\"a\"]"),
        ]
    );
    refused(
        &json!({"$schema": "https://example.com/mine"}),
        "invalid config_schema: at \"/$schema\": the version \"https://example.com/mine\" of JSON Schema is not known; \
         write \"$schema\": \"https://json-schema.org/draft/2020-12/schema\", or leave it out",
    );
}

#[test]
fn a_schema_refers_to_itself_only_and_never_in_a_circle() {
    refused(
        &json!({"$ref": "https://example.com/schema.json"}),
        "invalid config_schema: at \"/$ref\": it refers to \"https://example.com/schema.json\", and only to itself it may, by JSON pointer; \
         copy that schema into \"$defs\" and refer to it, such as \"#/$defs/port\"",
    );
    refused(
        &json!({"$ref": "#/$defs/nothing"}),
        "invalid config_schema: at \"/$ref\": it refers to \"#/$defs/nothing\", which it does not have; add it to \
         \"$defs\", and refer to it as \"#/$defs/NAME\"",
    );
    refused(
        &json!({"items": {"$ref": "#/definitions/prot"}, "$defs": {"a~port": true, "port": true}}),
        "invalid config_schema: at \"/items/$ref\": it refers to \"#/definitions/prot\", which it does not have; did \
         you mean \"#/$defs/port\"?",
    );
    refused(
        &json!({"allOf": [true, {"$dynamicRef": "#node"}]}),
        "invalid config_schema: at \"/allOf/1/$dynamicRef\": `$dynamicRef` is not supported; write \"$ref\" with a \
         pointer into the schema, such as \"#/$defs/port\"",
    );
    refused(
        &json!({"properties": {"a/b": {"$id": "https://example.com/x"}}}),
        "invalid config_schema: at \"/properties/a~1b/$id\": `$id` is allowed at its top only",
    );
    for (source, place) in [
        (json!({"$ref": "#"}), "/$ref"),
        (
            json!({"properties": {"child": {"$ref": "#"}}}),
            "/properties/child/$ref",
        ),
        (
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
            "/$defs/b/$ref",
        ),
    ] {
        refused(
            &source,
            &format!(
                "invalid config_schema: at {place:?}: it refers to itself in a circle, which is not supported; write \
                 out as many levels as there are, or write true for any value"
            ),
        );
    }
}

#[test]
fn a_schema_that_unfolds_to_a_giant_is_refused_at_once() {
    let mut defs = serde_json::Map::new();
    for level in 0..40 {
        let next = format!("#/$defs/d{}", level + 1);
        defs.insert(
            format!("d{level}"),
            json!({"allOf": [{"$ref": next}, {"$ref": next}]}),
        );
    }
    defs.insert("d40".to_owned(), json!({"type": "string"}));
    refused(
        &json!({"$ref": "#/$defs/d0", "$defs": defs}),
        "invalid config_schema: it has more than 10000 parts with its references followed, where a pattern counts as 100",
    );
    let mut defs = serde_json::Map::new();
    for level in 0..5_000 {
        defs.insert(
            format!("d{level}"),
            json!({"$ref": format!("#/$defs/d{}", level + 1)}),
        );
    }
    defs.insert("d5000".to_owned(), json!(true));
    refused(
        &json!({"$ref": "#/$defs/d0", "$defs": defs}),
        "invalid config_schema: it is nested more than 128 deep with its references followed",
    );
}

#[test]
fn a_pattern_takes_no_time_to_speak_of() {
    let schema = schema(&json!({"properties": {"a": {"pattern": "^(a+)+$"}}}));
    let config = json!({"a": format!("{}b", "a".repeat(100_000))});
    assert_eq!(schema.check(&config).unwrap_err().iter().count(), 1);
    schema_with_patterns(&["^\\p{L}{1,50}$"]);
    let giant = json!({"pattern": "(a{1000}){1000}"});
    assert!(ConfigSchema::new(&giant, [""; 0]).is_err());
}

fn schema_with_patterns(patterns: &[&str]) {
    let all: Vec<_> = patterns
        .iter()
        .map(|pattern| json!({"pattern": pattern}))
        .collect();
    schema(&json!({"anyOf": all})).check(&json!("größe")).unwrap();
}

#[test]
fn a_hundred_patterns_are_too_many() {
    let named = |count: usize| {
        let property = |n: usize| {
            (
                format!("p{n}"),
                json!({"pattern": format!("^(a{{50}}){{60}}{n}")}),
            )
        };
        json!({"properties": (0..count).map(property).collect::<serde_json::Map<_, _>>()})
    };
    ConfigSchema::new(&named(98), [""; 0]).unwrap();
    let by_pattern = json!({"patternProperties": (0..100).map(|n| (format!("^{n}"), json!(true))).collect::<serde_json::Map<_, _>>()});
    for schema in [named(100), by_pattern] {
        refused(
            &schema,
            "invalid config_schema: it has more than 10000 parts with its references followed, where a pattern counts as 100",
        );
    }
}

#[test]
fn what_is_marked_in_a_part_without_a_name_hides_the_property_around_it() {
    let secret = json!({"type": "string", "writeOnly": true, "maxLength": 3});
    let schema = schema(&json!({
        "properties": {
            "tokens": {"items": {"$ref": "#/$defs/a%20secret"}},
            "accounts": {"additionalProperties": secret},
            "either": {"anyOf": [{"type": "integer"}, secret]},
            "broker": {"properties": {"key": secret, "host": {"maxLength": 3}}}
        },
        "$defs": {"a secret": secret}
    }));
    let config = json!({
        "tokens": ["hunter2"], "accounts": {"me": "hunter2"}, "either": "hunter2",
        "broker": {"key": "hunter2", "host": "example"}
    });
    assert_eq!(
        problems(&schema, &config),
        [
            "/accounts/me: the secret value is longer than 3 characters",
            "/broker/host: \"example\" is longer than 3 characters",
            "/broker/key: the secret value is longer than 3 characters",
            "/either: the secret value is not valid under any of the schemas listed in the 'anyOf' keyword",
            "/tokens/0: the secret value is longer than 3 characters",
        ]
    );
    assert_eq!(
        schema.redacted(&config),
        json!({
            "tokens": "***", "accounts": "***", "either": "***", "broker": {"key": "***", "host": "example"}
        })
    );
}

#[test]
fn a_schema_that_marks_whatever_there_is_hides_all_of_it() {
    let schema = schema(&json!({"additionalProperties": {"format": "password", "maxLength": 3}}));
    let config = json!({"a": "hunter2"});
    assert_eq!(
        problems(&schema, &config),
        ["/a: the secret value is longer than 3 characters"]
    );
    assert_eq!(schema.redacted(&config), json!({"a": "***"}));
    assert!(schema.is_secret(""));
}

#[test]
fn settings_that_are_no_object_are_not_repeated() {
    let schema = schema(&json!({"type": "object"}));
    assert_eq!(
        problems(&schema, &json!("hunter2")),
        ["the value is not of type \"object\""]
    );
}

#[test]
fn a_pointer_names_a_secret_within() {
    let source = json!({
        "properties": {
            "mqtt": {"properties": {"users": {"items": {"properties": {"pin": {"maxLength": 3}, "name": {"maxLength": 3}}}}}}
        }
    });
    let schema = ConfigSchema::new(&source, ["/mqtt/users/0/pin", "/gone"]).unwrap();
    let config = json!({"mqtt": {"users": [{"pin": "hunter2", "name": "example"}, {"pin": "4711"}]}});
    assert_eq!(
        problems(&schema, &config),
        [
            "/mqtt/users/0/name: \"example\" is longer than 3 characters",
            "/mqtt/users/0/pin: the secret value is longer than 3 characters",
            "/mqtt/users/1/pin: \"4711\" is longer than 3 characters",
        ]
    );
    assert_eq!(
        schema.redacted(&config),
        json!({"mqtt": {"users": [{"pin": "***", "name": "example"}, {"pin": "4711"}]}})
    );
    assert!(schema.is_secret("/mqtt/users/0/pin/x") && !schema.is_secret("/mqtt/users/0/pins"));
}
