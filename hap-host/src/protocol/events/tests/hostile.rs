use std::time::SystemTime;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::id;
use crate::protocol::events::decode;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        r#"[\PC"\\{}\[\],:]{0,12}"#.prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(r#"[a-z"\\{}\[\],:]{0,6}"#, inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Text out of the pieces that JSON is made of, in any order.
fn nearly_json() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        " ",
        "null",
        "1",
        "-",
        "1e999",
        "\"type\"",
        "\"a\"",
        "\"id\"",
        "{\"type\":\"a\"}",
        "\u{0}",
        "ü",
        "\\ud800",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_taken_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode::events(&id("light"), &body, None, None, SystemTime::UNIX_EPOCH);
    }

    #[test]
    fn any_jumble_of_json_is_taken_or_refused(body in nearly_json()) {
        let _ = decode::events(&id("light"), body.as_bytes(), None, None, SystemTime::UNIX_EPOCH);
    }

    #[test]
    fn any_data_comes_through_as_it_was_sent(data in prop::collection::vec(value(), 1..6)) {
        let drafts: Vec<_> = data.iter().map(|data| json!({"type": "a", "data": data})).collect();
        let body = serde_json::to_vec_pretty(&drafts).unwrap();
        let events = decode::events(&id("light"), &body, None, None, SystemTime::UNIX_EPOCH).unwrap();
        let stored: Vec<Value> = events
            .iter()
            .map(|event| serde_json::from_str::<Value>(&serde_json::to_string(event).unwrap()).unwrap())
            .map(|event| event["data"].clone())
            .collect();
        prop_assert_eq!(stored, data);
    }
}
