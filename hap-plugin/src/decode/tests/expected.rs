//! What a refusal says would have fitted.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::num::{NonZeroI8, NonZeroU8};

use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::decode::mismatch::Mismatch;

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only read")]
struct Scene {
    room: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only read")]
struct Pair(u8, u8);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only read")]
enum Mode {
    Off,
    Dim(u8),
    Fade { from: u8 },
    Mix(u8, u8),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(dead_code, reason = "only read")]
enum Bridge {
    Local { pin: u8 },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", content = "of", rename_all = "snake_case")]
#[expect(dead_code, reason = "only read")]
enum Adjacent {
    Alone,
    Local { pin: u8 },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only read")]
enum Either {
    Number(u8),
    Scene(Scene),
}

fn told<T: DeserializeOwned + JsonSchema + Debug>(value: &Value) -> String {
    assert!(T::deserialize(value).is_err(), "{value}");
    Mismatch::of::<T>(value, &schema_for!(T).to_value(), None).reason()
}

#[test]
fn what_would_have_fitted_is_told_by_the_schema() {
    for (told, plain) in [
        (
            told::<u8>(&json!(300)),
            "expected a whole number from 0 to 255, found 300",
        ),
        (
            told::<u8>(&json!("x")),
            "expected a whole number from 0 to 255, found a string",
        ),
        (
            told::<i8>(&json!(1.5)),
            "expected a whole number from -128 to 127, and 1.5 is no whole number",
        ),
        (
            told::<NonZeroU8>(&json!(0)),
            "expected a whole number from 1 to 255, found 0",
        ),
        (
            told::<NonZeroI8>(&json!([])),
            "expected a whole number from -128 to 127 other than 0, found a list",
        ),
        (told::<f32>(&json!(null)), "expected a number, found null"),
        (
            told::<bool>(&json!("yes")),
            "expected true or false, found a string",
        ),
        (told::<char>(&json!("ab")), "expected a character, found a string"),
        (
            told::<String>(&json!(true)),
            "expected a string, found true or false",
        ),
        (told::<()>(&json!(1)), "expected null, found a whole number"),
        (told::<Vec<u8>>(&json!({})), "expected a list, found an object"),
        (
            told::<BTreeMap<String, u8>>(&json!([])),
            "expected an object, found a list",
        ),
        (
            told::<(u8, u8)>(&json!({})),
            "expected a list of 2, found an object",
        ),
        (
            told::<(u8, u8)>(&json!([1])),
            "expected a list of 2, found a length of 1",
        ),
        (
            told::<[u8; 3]>(&json!([1])),
            "expected a list of 3, found a length of 1",
        ),
        (told::<Pair>(&json!({})), "expected a list of 2, found an object"),
        (
            told::<Pair>(&json!([1])),
            "expected a list of 2, found a length of 1",
        ),
        (
            told::<Scene>(&json!("hall")),
            "expected an object, found a string",
        ),
        (
            told::<Scene>(&json!([])),
            "expected an object, found a length of 0",
        ),
        (told::<Scene>(&json!({})), "missing field `room`"),
        (
            told::<Mode>(&json!(5)),
            "expected `off` or an object, found a whole number",
        ),
        (
            told::<Mode>(&json!({"off": 1, "dim": 2})),
            "expected an object with one entry, found an object",
        ),
        (
            told::<Mode>(&json!("bright")),
            "expected one of `off`, `dim`, `fade`, `mix`, found another value",
        ),
        (
            told::<Mode>(&json!("dim")),
            "expected a whole number from 0 to 255, found a name alone",
        ),
        (
            told::<Mode>(&json!("fade")),
            "expected an object, found a name alone",
        ),
        (
            told::<Mode>(&json!("mix")),
            "expected a list of 2, found a name alone",
        ),
        (
            told::<Mode>(&json!({"mix": 5})),
            "expected a list of 2, found a whole number",
        ),
        (
            told::<Bridge>(&json!(5)),
            "expected an object, found a whole number",
        ),
        (
            told::<Bridge>(&json!({"kind": "cloud"})),
            "expected `local`, found another value",
        ),
        (
            told::<Adjacent>(&json!(5)),
            "expected an object, found a whole number",
        ),
        (
            told::<Adjacent>(&json!({"kind": "alone", "of": {"a": 1}})),
            "expected nothing, found an object",
        ),
        (
            told::<Adjacent>(&json!({"kind": "local", "of": 1})),
            "expected an object, found a whole number",
        ),
        (
            told::<Either>(&json!("hunter2")),
            "expected a whole number from 0 to 255 or an object",
        ),
    ] {
        assert_eq!(told, plain);
    }
}
