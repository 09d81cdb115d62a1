//! The OpenAPI document: it is one, and the answers are as it says.

use serde_json::json;

use super::*;

use crate::api::{NoCommand, NoStatus};
use crate::config::NoConfig;
use crate::decode::Secret;

/// A validator for a component of the document, which its references lead into.
fn validator(document: &Value, schema: &Value) -> jsonschema::Validator {
    let whole = json!({ "components": document["components"], "allOf": [schema] });
    jsonschema::draft202012::new(&whole).unwrap()
}

#[track_caller]
fn check(document: &Value, schema: &Value, value: &Value) {
    if let Err(error) = validator(document, schema).validate(value) {
        panic!("{value} does not fit {schema}: {error}");
    }
}

/// Checks an answer against what the document says of its path, method and status.
#[track_caller]
fn check_answer(document: &Value, method: &str, path: &str, answer: &Answer) {
    let operation = &document["paths"][path][method];
    let mut response = &operation["responses"][answer.status.as_str()];
    if response.is_null() {
        response = &operation["responses"]["default"];
    }
    if let Some(reference) = response["$ref"].as_str() {
        response = document.pointer(reference.trim_start_matches('#')).unwrap();
    }
    let schema = &response["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{method} {path} {}", answer.status);
    check(document, schema, &answer.json);
}

#[tokio::test]
async fn it_reads_as_an_openapi_document() {
    let lamp = Running::start(settings().with_name("The lamp")).await;
    let answer = lamp.get("/openapi.json").await;
    let document = oas3::from_json(&answer.text).unwrap();
    assert_eq!(document.openapi, "3.1.0");
    assert_eq!(
        (document.info.title.as_str(), document.info.version.as_str()),
        ("The lamp", "1.2.3")
    );
    let operations: Vec<_> = document
        .operations()
        .map(|(path, method, operation)| (path, method.to_string(), operation.operation_id.clone().unwrap()))
        .collect();
    assert_eq!(operations.len(), crate::server::endpoints::ENDPOINTS.len());
    for (method, path) in crate::server::endpoints::ENDPOINTS {
        assert!(
            operations
                .iter()
                .any(|(found, found_method, _)| found == path && found_method == method),
            "{method} {path}"
        );
    }
    for (_, _, operation) in document.operations() {
        for (_, response) in operation.responses(&document) {
            assert!(response.description.is_some_and(|text| !text.is_empty()));
        }
    }
    assert!(document.webhooks.contains_key("events"));
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_schema_is_one() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let lamp = Running::start(settings()).await;
    let document = lamp.get("/openapi.json").await.json;
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 30, "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(
            jsonschema::draft202012::meta::is_valid(schema),
            "{name}: {schema}"
        );
        assert!(
            name.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)),
            "{name}"
        );
    }
    assert!(document["components"]["schemas"]["Command.Scene"].is_object());
}

#[tokio::test]
async fn the_answers_are_as_it_says() {
    let lamp = Running::start(settings()).await;
    let document = lamp.get("/openapi.json").await.json;
    for path in ["/health", "/status", "/describe", "/openapi.json"] {
        check_answer(&document, "get", path, &lamp.get(path).await);
    }
    for body in [
        r#"{"command":"ping"}"#,
        r#"{"command":"dim","params":{"level":3}}"#,
        r#"{"command":"dim","params":{"level":"x"}}"#,
        r#"{"command":"fly"}"#,
        r#"{"command":"panic"}"#,
        r#"{"command":"refuse"}"#,
        "{",
        "[]",
    ] {
        check_answer(&document, "post", "/command", &lamp.command(body).await);
    }
    for body in [r#"{"level":3}"#, r#"{"level":101}"#, r#"{"level":"x"}"#, "x"] {
        check_answer(&document, "post", "/config", &lamp.post("/config", body).await);
    }
    let command = json!({"$ref": "#/components/schemas/Command"});
    check(
        &document,
        &command,
        &json!({"command": "dim", "params": {"level": 3}}),
    );
    assert!(!validator(&document, &command).is_valid(&json!({"command": "fly"})));
}

/// Shows of its configuration what may be shown.
struct Login;

#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
struct Account {
    user: String,
    #[serde(skip_serializing)]
    password: Secret<String>,
}

impl Plugin for Login {
    type Config = Account;
    type Command = NoCommand;
    type Status = Account;

    async fn command(&self, _: &Context, command: NoCommand) -> Result<Reply> {
        match command {}
    }

    async fn status(&self, cx: &Context) -> Result<Account> {
        let user = cx.config::<Self>()?.user.clone();
        Ok(Account {
            user,
            ..Account::default()
        })
    }
}

#[tokio::test]
async fn what_is_secret_is_written_only() {
    let router = crate::server::serve::into_router(Login, settings())
        .await
        .unwrap();
    let request = Request::get("/openapi.json").body(Body::empty()).unwrap();
    let document = Answer::of(router.oneshot(request).await.unwrap()).await.json;
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Config"]["properties"]["password"]["writeOnly"], true);
    assert!(schemas["Config"]["properties"]["user"]["default"].is_string());
    assert!(schemas["Config"]["properties"]["password"]["default"].is_null());
    assert!(
        schemas["Status"]["properties"]["password"].is_null(),
        "{}",
        schemas["Status"]
    );
}

struct Silent;

impl Plugin for Silent {
    type Config = NoConfig;
    type Command = NoCommand;
    type Status = NoStatus;

    async fn command(&self, _: &Context, command: NoCommand) -> Result<Reply> {
        match command {}
    }
}

#[tokio::test]
async fn a_plugin_without_configuration_has_no_path_for_it() {
    let router = crate::server::serve::into_router(Silent, settings())
        .await
        .unwrap();
    let request = Request::get("/openapi.json").body(Body::empty()).unwrap();
    let answer = Answer::of(router.oneshot(request).await.unwrap()).await;
    oas3::from_json(&answer.text).unwrap();
    assert!(answer.json["paths"]["/config"].is_null());
    assert!(answer.json["paths"]["/command"].is_object());
}
