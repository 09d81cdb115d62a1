//! Secrets, read and refused.

use schemars::JsonSchema;
use serde_json::json;

use crate::decode::{Secret, from_json_of};

#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, JsonSchema)]
struct Login {
    user: String,
    password: Secret<String>,
    #[serde(default)]
    pin: Option<Secret<u16>>,
}

#[test]
fn a_secret_that_does_not_fit_is_not_repeated() {
    for (login, expected) in [
        (json!({"user": "ada", "password": 271828}), "a string"),
        (json!({"user": "ada", "password": ["hunter2"]}), "a string"),
        (json!({"user": "ada", "password": "x", "pin": 271828}), "to 65535"),
        (
            json!({"user": "ada", "password": "x", "pin": "hunter2"}),
            "to 65535",
        ),
    ] {
        let text = login.to_string();
        let schema = schemars::schema_for!(Login).to_value();
        let fault = from_json_of::<Login>("the body", text.as_bytes(), &schema, "x").unwrap_err();
        for error in [
            fault.message().to_owned(),
            serde_json::from_str::<Login>(&text).unwrap_err().to_string(),
        ] {
            assert!(!error.contains("271828") && !error.contains("hunter2"), "{error}");
            assert!(error.contains("secret"), "{error}");
        }
        assert!(fault.message().contains(expected), "{}", fault.message());
    }
}

#[test]
fn the_schema_says_that_it_is_not_to_be_shown() {
    let schema = schemars::schema_for!(Login).to_value();
    let password = &schema["properties"]["password"];
    assert_eq!(
        password,
        &json!({"type": "string", "format": "password", "writeOnly": true})
    );
    assert!(
        schema["properties"]["pin"].to_string().contains("writeOnly"),
        "{schema}"
    );
}
