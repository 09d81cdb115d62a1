//! The schema of manifests against the reader.

use hap_manifest::{Issue, IssueCode, Manifest, Severity};
use jsonschema::Validator;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

use super::fields::{FIELDS, anything};
use super::rules::{RULES_A_SCHEMA_CANNOT_SAY, RULES_OF_THE_TEXT, with};
use super::{complaints, many_cases, validator};

const SCHEMA: &str = include_str!("../../manifest.schema.json");

thread_local! {
    static VALIDATOR: Validator = validator(SCHEMA, None);
}

/// What a manifest is refused for; how many more there are is not told apart.
fn errors(issues: &[Issue]) -> impl Iterator<Item = &Issue> {
    issues
        .iter()
        .filter(|issue| issue.severity() == Severity::Error && issue.code() != IssueCode::MoreIssues)
}

/// A manifest with some fields changed to values of their kind, some left out, and some that are unknown.
fn manifests() -> impl Strategy<Value = Map<String, Value>> {
    let change = proptest::sample::select(FIELDS).prop_flat_map(|(key, kind)| {
        let value = prop_oneof![
            12 => kind.values().prop_map(Some),
            1 => Just(None),
            1 => Just(Some(Value::Null)),
        ];
        (Just(key.to_owned()), value)
    });
    let unknown = ("[a-z_]{1,12}", anything()).prop_map(|(key, value)| (key, Some(value)));
    let changes = proptest::collection::vec(prop_oneof![12 => change, 1 => unknown], 0..5);
    let full = prop_oneof![
        Just(include_str!("../fixtures/guide.json")),
        Just(include_str!("../fixtures/full.json"))
    ];
    (full, changes).prop_map(|(text, changes)| {
        let mut manifest: Map<String, Value> = serde_json::from_str(text).unwrap();
        for (key, value) in changes {
            match value {
                Some(value) => manifest.insert(key, value),
                None => manifest.remove(&key),
            };
        }
        manifest
    })
}

/// Both accept it, or both refuse it, or the reader does for a rule of the list.
fn judged_alike(value: &Value) -> Result<(), TestCaseError> {
    let text = value.to_string();
    let complaints = VALIDATOR.with(|schema| complaints(schema, value));
    match Manifest::from_json(&text) {
        Ok(parsed) => {
            prop_assert_eq!(&complaints, "", "only the schema refuses {}", text);
            let written = serde_json::to_value(&parsed.manifest)
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
            let valid = VALIDATOR.with(|schema| schema.is_valid(&written));
            prop_assert!(valid, "what is written is refused: {written}");
        }
        Err(error) if complaints.is_empty() => {
            for issue in errors(error.issues()) {
                let known = RULES_A_SCHEMA_CANNOT_SAY.iter().any(|rule| rule.covers(issue));
                prop_assert!(known, "only the reader refuses, for {issue}\n{text}");
            }
        }
        Err(_) => {}
    }
    Ok(())
}

/// Field by field, so that no other mistake hides one.
#[test]
fn each_field_is_judged_alike() {
    for (key, kind) in FIELDS {
        // One runner counts the cases of all its runs together.
        let mut runner = TestRunner::new(ProptestConfig::default());
        let judged = runner.run(&kind.values(), |value| {
            judged_alike(&with(json!({ *key: value })))
        });
        assert_eq!(judged, Ok(()), "{key}");
    }
}

proptest! {
    #![proptest_config(many_cases())]

    #[test]
    fn what_one_accepts_the_other_accepts(manifest in manifests()) {
        judged_alike(&Value::Object(manifest))?;
    }

    /// Strict reading refuses more, and nothing else: unknown fields and what else is a warning, and schemas of
    /// configurations that cannot be used.
    #[test]
    fn strict_reading_refuses_what_lenient_reading_warns_of(manifest in manifests()) {
        let text = Value::Object(manifest).to_string();
        let strict = Manifest::from_json_strict(&text);
        match Manifest::from_json(&text) {
            Ok(parsed) if parsed.warnings.is_empty() => match strict {
                Ok(manifest) => prop_assert_eq!(manifest, parsed.manifest),
                Err(error) => for issue in error.issues() {
                    let known = [
                        IssueCode::InvalidSchema,
                        IssueCode::UnknownKeyword,
                        IssueCode::WrongDefault,
                    ]
                    .contains(&issue.code());
                    prop_assert!(known, "{issue}\n{text}");
                },
            },
            _ => prop_assert!(strict.is_err(), "{text}"),
        }
    }
}

#[test]
fn every_rule_of_the_list_is_needed() {
    let schema = validator(SCHEMA, None);
    for rule in RULES_A_SCHEMA_CANNOT_SAY {
        let value = with((rule.example)());
        let name = format!("{} at {}: {}", rule.code, rule.at, rule.says);
        assert_eq!(complaints(&schema, &value), "", "the schema can say it: {name}");
        let error = Manifest::from_json(&value.to_string()).expect_err(&name);
        let errors: Vec<_> = errors(error.issues()).collect();
        assert!(errors.iter().all(|issue| rule.covers(issue)), "{name}\n{error}");
    }
}

#[test]
fn what_is_refused_of_a_text_is_not_seen_by_a_schema() {
    let schema = validator(SCHEMA, None);
    for rule in RULES_OF_THE_TEXT {
        let (bytes, value) = (rule.example)();
        assert_eq!(complaints(&schema, &value), "", "{}", rule.code);
        let error = Manifest::from_slice(&bytes).expect_err(rule.code.as_str());
        assert!(
            error.issues().iter().all(|issue| issue.code() == rule.code),
            "{error}"
        );
    }
}

#[test]
fn every_field_is_tried() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut known: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
    let mut tried: Vec<_> = FIELDS.iter().map(|(key, _)| *key).collect();
    known.sort_unstable();
    tried.sort_unstable();
    assert_eq!(known, tried);
}

#[test]
fn the_readme_lists_the_rules() {
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once("## The schema").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let values = RULES_A_SCHEMA_CANNOT_SAY.iter().map(|rule| rule.code);
    for code in values.chain(RULES_OF_THE_TEXT.iter().map(|rule| rule.code)) {
        assert!(section.contains(&format!("`{code}`")), "{code}");
    }
}
