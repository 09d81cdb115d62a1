//! Reads JSON into types; a refusal says what does not fit, and where.

use hap_manifest::wire::{Map, oversized_integer};
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::decode::mismatch::Mismatch;
use crate::decode::whole_numbers::whole_numbers;
use crate::error::{Fault, Result};

/// Reads a body of JSON into a type. `code` is that of a refusal for well-formed JSON of the wrong
/// shape.
pub(crate) fn from_json<T: DeserializeOwned>(body: &[u8], code: &'static str) -> Result<T> {
    from_json_of("the body", body, &Value::Bool(true), code)
}

/// As [`from_json`], of a text that the refusal calls `what`, and with the schema of the type.
pub(crate) fn from_json_of<T: DeserializeOwned>(
    what: &str,
    text: &[u8],
    schema: &Value,
    code: &'static str,
) -> Result<T> {
    if let Some(at) = oversized_integer(text) {
        let message = format!(
            "{what}: the integer at byte {at} has more digits than 64 bits hold and would lose its last ones: write it \
             as a string"
        );
        return Err(Fault::new(400, "number_too_large", message));
    }
    let mut json = serde_json::Deserializer::from_slice(text);
    let error = match serde_path_to_error::deserialize(&mut json) {
        Ok(value) => {
            return json
                .end()
                .map(|()| value)
                .map_err(|error| not_json(what, text, &error));
        }
        Err(error) => error,
    };
    // The type may have given up before the text ended, so what follows the value counts no more.
    match Value::deserialize(&mut serde_json::Deserializer::from_slice(text)) {
        Ok(value) => eased(&value).ok_or_else(|| {
            Mismatch::of::<T>(&value, schema, Some(error.path()))
                .in_text(text, &value, schema, error.path())
                .into_fault(code)
        }),
        Err(error) => Err(not_json(what, text, &error)),
    }
}

/// Reads a value whose whole numbers are written without their points, where that helps.
fn eased<T: DeserializeOwned>(value: &Value) -> Option<T> {
    let mut eased = value.clone();
    whole_numbers(&mut eased).then(|| T::deserialize(eased).ok())?
}

fn not_json(what: &str, text: &[u8], error: &serde_json::Error) -> Fault {
    let message = if text.trim_ascii().is_empty() {
        format!("{what} is empty, and not JSON")
    } else {
        format!("{what} is not JSON: {error}")
    };
    // The parser names places and what it looked for, never what it found.
    Fault::new(400, "invalid_json", message).with_reason_for_log(Some(error.to_string()))
}

/// Reads an object into a type that has this schema.
pub(crate) fn from_object<T: DeserializeOwned>(object: &Map, schema: &Value) -> Result<T, Mismatch> {
    serde_path_to_error::deserialize(object).or_else(|error| {
        let value = Value::Object(object.clone());
        eased(&value).ok_or_else(|| Mismatch::of::<T>(&value, schema, Some(error.path())))
    })
}

/// Why a text is not what a type reads. What would have fitted is told in the words of the program.
pub(crate) fn why_unreadable<T: DeserializeOwned>(text: &[u8]) -> String {
    match serde_json::from_slice(text) {
        Ok(value) => Mismatch::of::<T>(&value, &Value::Bool(true), None).to_string(),
        Err(_) => "it is not JSON".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use schemars::{JsonSchema, schema_for};
    use serde_json::json;

    use super::*;
    use crate::decode::secret::Secret;

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    struct Login {
        #[expect(dead_code, reason = "only read")]
        port: u16,
    }

    fn read<T: DeserializeOwned + JsonSchema>(body: &str) -> Result<T> {
        let schema = schema_for!(T).to_value();
        from_json_of("the body", body.as_bytes(), &schema, "invalid_config")
    }

    fn refuse(body: &str) -> Fault {
        read::<Login>(body).unwrap_err()
    }

    #[test]
    fn a_text_that_does_not_fit_is_not_repeated() {
        let fault = refuse(r#"{"port": "hunter2, expected x"}"#);
        assert_eq!(
            fault.message(),
            "at `port`: expected a whole number from 0 to 65535, found a string"
        );
        assert_eq!(fault.details().unwrap()["path"], "port");
    }

    #[test]
    fn an_integer_that_would_lose_digits_is_refused_before_anybody_reads_it() {
        for body in [
            r#"{"id": 18446744073709551616}"#,
            r#"{"a": [-9223372036854775809]}"#,
        ] {
            let fault = from_json::<Map>(body.as_bytes(), "invalid_command").unwrap_err();
            assert_eq!(
                (fault.status(), fault.code()),
                (400, "number_too_large"),
                "{body}"
            );
        }
        let read: Map = from_json(br#"{"id": 18446744073709551615}"#, "invalid_command").unwrap();
        assert_eq!(read["id"].as_u64(), Some(u64::MAX));
    }

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        #[expect(dead_code, reason = "only read")]
        login: Login,
        #[serde(default)]
        #[expect(dead_code, reason = "only read")]
        mode: Mode,
        #[serde(default)]
        #[expect(dead_code, reason = "only read")]
        pins: BTreeMap<u8, u8>,
    }

    #[derive(Debug, Default, serde::Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        #[default]
        Slow,
        Fast,
    }

    #[test]
    fn a_mismatch_knows_the_outermost_key() {
        for (object, key, incomplete) in [
            (json!({"login": {"port": "x"}}), Some("login"), false),
            (json!({"login": {}}), Some("login"), false),
            (json!({"log": 1}), Some("log"), false),
            (json!({}), None, true),
        ] {
            let mismatch =
                from_object::<Strict>(object.as_object().unwrap(), &schema_for!(Strict).to_value())
                    .unwrap_err();
            assert_eq!(mismatch.key.as_deref(), key, "{mismatch}");
            assert_eq!(mismatch.is_incomplete(), incomplete, "{mismatch}");
        }
    }

    #[test]
    fn a_refusal_says_where_in_words_of_everybody() {
        for (body, path, message) in [
            ("[]", ".", "expected an object, found a length of 0"),
            ("7", ".", "expected an object, found a whole number"),
            ("{}", "login", "missing field `login`"),
            (
                r#"{"login":{}}"#,
                "login.port",
                "at `login`: missing field `port`",
            ),
            (
                r#"{"log":1}"#,
                "log",
                "unknown field `log`, expected one of `login`, `mode`, `pins`",
            ),
            (
                r#"{"login":{"port":1,"port":2}}"#,
                "login.port",
                "at `login`: duplicate field `port`",
            ),
            (
                r#"{"mode":"x"}"#,
                "mode",
                "at `mode`: expected `slow` or `fast`, found another value",
            ),
            (
                r#"{"mode":5}"#,
                "mode",
                "at `mode`: expected `slow` or `fast`, found a whole number",
            ),
            (
                r#"{"pins":{"hunter2":1}}"#,
                "pins.?",
                "at `pins.?`: the key has to be a number in quotes",
            ),
        ] {
            let fault = read::<Strict>(body).unwrap_err();
            assert_eq!((fault.status(), fault.message()), (422, message), "{body}");
            assert_eq!(fault.details().unwrap()["path"], path, "{body}");
        }
    }

    #[test]
    fn broken_json_is_told_from_json_of_another_shape() {
        for (body, status) in [
            ("", 400),
            ("{", 400),
            ("{} {}", 422),
            (r#"{"port":1} x"#, 400),
            (r#"{"port":"x","#, 400),
            ("[]", 422),
        ] {
            assert_eq!(refuse(body).status(), status, "{body}");
        }
        assert_eq!(refuse(" ").message(), "the body is empty, and not JSON");
        let file = from_json_of::<Login>("the file", b"{", &json!(true), "invalid_config").unwrap_err();
        assert!(
            file.message().starts_with("the file is not JSON: "),
            "{}",
            file.message()
        );
    }

    #[derive(Debug, Default, serde::Deserialize, JsonSchema)]
    #[serde(default, deny_unknown_fields)]
    struct Lamp {
        level: u8,
        colour: Option<Colour>,
        key: Option<Secret<String>>,
        mode: Mode,
    }

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    #[serde(try_from = "String")]
    struct Colour;

    impl TryFrom<String> for Colour {
        type Error = String;

        fn try_from(text: String) -> std::result::Result<Self, String> {
            Err(format!("{text} is no colour"))
        }
    }

    #[test]
    fn the_log_has_the_kind_of_mistake_and_nothing_that_was_sent() {
        for (body, message, for_log) in [
            (
                r#"{"level":271828}"#,
                "at `level`: expected a whole number from 0 to 255, found 271828",
                Some("expected a whole number from 0 to 255, found a whole number"),
            ),
            (
                r#"{"hunter2":1}"#,
                "unknown field `hunter2`, expected one of `level`, `colour`, `key`, `mode`",
                Some("unknown field, expected one of `level`, `colour`, `key`, `mode`"),
            ),
            (
                r#"{"mode":"hunter2"}"#,
                "at `mode`: expected `slow` or `fast`, found another value",
                Some("expected `slow` or `fast`, found another value"),
            ),
            (
                r#"{"key":["hunter2"]}"#,
                "at `key`: the secret value does not fit, expected a string or null",
                Some("the secret value does not fit, expected a string or null"),
            ),
            // The words of whoever wrote the type.
            (
                r#"{"colour":"hunter2"}"#,
                "at `colour`: hunter2 is no colour",
                None,
            ),
        ] {
            let fault = read::<Lamp>(body).unwrap_err();
            assert_eq!((fault.message(), fault.reason_for_log()), (message, for_log));
        }
    }

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    struct Flat {
        #[serde(flatten)]
        #[expect(dead_code, reason = "only read")]
        login: Login,
    }

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    struct Dim {
        #[serde(alias = "brightness")]
        #[expect(dead_code, reason = "only read")]
        level: u8,
    }

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    #[serde(untagged)]
    enum Either {
        Number(#[expect(dead_code, reason = "only read")] u8),
        Text(#[expect(dead_code, reason = "only read")] String),
    }

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    struct Pins {
        #[serde(default)]
        #[expect(dead_code, reason = "only read")]
        either: Option<Either>,
        #[serde(default)]
        #[expect(dead_code, reason = "only read")]
        pins: BTreeMap<u8, u8>,
    }

    #[test]
    fn a_part_that_serde_holds_back_or_knows_by_another_name_is_told_as_what_it_is() {
        fn told<T: DeserializeOwned + JsonSchema + std::fmt::Debug>(body: &str) -> String {
            read::<T>(body).unwrap_err().message().to_owned()
        }
        let port = "expected a whole number from 0 to 65535, found a string";
        assert_eq!(told::<Flat>(r#"{"port":"x"}"#), port);
        let level = "at `brightness`: expected a whole number from 0 to 255, found a string";
        assert_eq!(told::<Dim>(r#"{"brightness":"x"}"#), level);
        let either = told::<Pins>(r#"{"either":true}"#);
        assert!(!either.contains("untagged"), "{either}");
        let key = told::<Pins>(r#"{"pins":{"300":1}}"#);
        assert!(key.contains("found 300"), "{key}");
        let value = told::<Pins>(r#"{"pins":{"3":"x"}}"#);
        assert!(value.contains("expected a whole number from 0 to 255"), "{value}");
    }

    #[test]
    fn of_two_names_that_are_there_twice_the_one_of_the_type_is_told_and_the_log_has_none() {
        let fault = refuse(r#"{"hunter2":1,"hunter2":2,"port":1,"port":2}"#);
        assert_eq!(fault.message(), "duplicate field `port`");
        assert_eq!(fault.reason_for_log(), Some("duplicate field"));
    }
}
