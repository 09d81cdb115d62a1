//! JSON of other kinds, read with all its problems.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as the tests do")]

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use hap_manifest::document::{self, DocumentError};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Shop {
    name: Option<String>,
    port: Option<NonZeroU16>,
    share: f64,
    open: bool,
    goods: Vec<Good>,
    prices: BTreeMap<String, u32>,
    colour: Colour,
    depth: i32,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Good {
    id: u8,
    #[serde(default)]
    label: String,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Colour {
    #[default]
    Red,
    DarkBlue,
    Mixed(Vec<u8>),
    Named {
        name: String,
    },
}

fn read(text: &str) -> Result<Shop, DocumentError> {
    document::read(text.as_bytes())
}

fn told(text: &str) -> Vec<String> {
    let error = read(text).unwrap_err();
    error.issues().iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_right_is_what_serde_json_reads() {
    for value in [
        json!({}),
        json!({"name": "a\u{1f600}\"", "port": 80, "share": 1, "open": true, "depth": -3}),
        json!({"goods": [{"id": 1}, {"id": 2, "label": "x"}], "prices": {"a/b": 1, "~": 2}}),
        json!({"colour": "dark_blue"}),
        json!({"colour": {"mixed": [1, 2]}}),
        json!({"colour": {"named": {"name": "x"}}}),
        json!({"share": 0.5, "depth": 7}),
    ] {
        let text = serde_json::to_string_pretty(&value).unwrap();
        assert_eq!(
            read(&text).unwrap(),
            serde_json::from_value(value).unwrap(),
            "{text}"
        );
    }
    // As a manifest: null is an absent key, a number without a fraction is whole, `$schema` is for editors.
    let text = r#"{"$schema": "x", "open": null, "port": 8e1}"#;
    assert_eq!(read(text).unwrap().port, NonZeroU16::new(80));
}

#[test]
fn every_problem_is_told_with_its_place() {
    let text = r#"{
  "nmae": 1, "port": 0, "share": "half", "open": "true",
  "goods": [{"id": 1, "lable": ""}, {"id": 256}, {}, 5],
  "prices": {"a/b": -1}, "colour": "green", "depth": 1.5
}"#;
    assert_eq!(
        told(text),
        [
            "2:3: error[unknown_field] /nmae: unknown field `nmae`; did you mean `name`?",
            "2:22: error[invalid_value] /port: expected a whole number from 1 to 65535, found 0",
            "2:34: error[wrong_type] /share: expected a number, found the string \"half\"",
            "2:50: error[wrong_type] /open: expected true or false, found the string \"true\"; write true without quotes",
            "3:23: error[unknown_field] /goods/0/lable: unknown field `lable`; did you mean `label`?",
            "3:44: error[invalid_value] /goods/1/id: expected a whole number from 0 to 255, found 256",
            "3:50: error[missing_field] /goods/2/id: `id` is required; add \"id\" to the object",
            "3:54: error[wrong_type] /goods/3: expected an object, found 5",
            "4:21: error[invalid_value] /prices/a~1b: expected a whole number from 0 to 4294967295, found -1",
            "4:36: error[invalid_value] /colour: unknown value \"green\"; write one of \"red\", \"dark_blue\", \"mixed\", \"named\"",
            "4:54: error[wrong_type] /depth: expected a whole number from -2147483648 to 2147483647, found 1.5",
        ]
    );
}

#[test]
fn an_enum_is_refused_in_its_own_words() {
    for (value, words) in [
        (
            "5",
            "expected one of \"red\", \"dark_blue\", \"mixed\", \"named\", found 5",
        ),
        ("{}", "expected one of"),
        (r#"{"red": 1}"#, "this one has no value"),
        (r#""mixed""#, "this one has a value"),
        (r#"{"mixed": 3}"#, "expected a list, found 3"),
        (r#"{"named": {"nam": "x"}}"#, "did you mean `name`?"),
    ] {
        let told = told(&format!(r#"{{"colour": {value}}}"#));
        assert!(told.iter().any(|told| told.contains(words)), "{value}: {told:?}");
    }
}

#[test]
fn what_leaves_nothing_to_read_is_told_alone() {
    for (text, words) in [
        ("", "not valid JSON"),
        ("[]", "expected an object, found a list"),
        ("null", "expected an object, found null"),
        ("{\"a\": 1,}", "not valid JSON"),
    ] {
        let told = told(text);
        assert!(told.len() == 1 && told[0].contains(words), "{text}: {told:?}");
    }
    let long = vec![b' '; (1 << 20) + 1];
    let error = document::read::<Shop>(&long).unwrap_err();
    assert_eq!(error.issues()[0].code(), "too_large");
    let error = document::read::<Shop>(b"{\"name\": \"\xff\"}").unwrap_err();
    assert_eq!(error.issues()[0].code(), "invalid_utf8");
}

#[test]
fn a_thousand_problems_are_listed_up_to_a_bound() {
    let goods = vec!["7"; 1_000].join(",");
    let told = told(&format!(r#"{{"goods": [{goods}]}}"#));
    assert!((90..=101).contains(&told.len()), "{}", told.len());
    let keys: Vec<_> = (0..1_000).map(|n| format!(r#""k{n}": 1"#)).collect();
    let error = read(&format!("{{{}}}", keys.join(","))).unwrap_err();
    assert_eq!(error.issues().len(), 101);
    assert_eq!(error.issues()[100].code(), "more_issues");
}

proptest! {
    /// Whatever a text holds, it is read or refused in words, and what is read is what `serde_json` reads.
    #[test]
    fn no_text_does_harm(value in any_json(), spoiled in any::<prop::sample::Index>(), with in "[\\[\\]{}\",:0-9a\\x00]") {
        let mut text = value.to_string();
        if let Ok(shop) = read(&text) {
            prop_assert_eq!(shop, serde_json::from_value::<Shop>(without_null(value)).unwrap());
        }
        let at = spoiled.index(text.len());
        if text.is_char_boundary(at) {
            text.insert_str(at, &with);
        }
        if let Err(error) = read(&text) {
            prop_assert!(!error.issues().is_empty());
            prop_assert!(!error.render(&text).is_empty());
        }
    }
}

/// Absent keys in the place of those that are null, as the reader takes them.
fn without_null(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(members.map(|(key, value)| (key, without_null(value))).collect())
        }
        other => other,
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-300_i64..300).prop_map(Value::from),
        "[a-z/~]{0,4}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("name"),
        Just("port"),
        Just("open"),
        Just("goods"),
        Just("prices"),
        Just("colour"),
        Just("id"),
        Just("label"),
        Just("depth"),
        Just("share"),
        Just("mixed"),
        Just("other"),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
