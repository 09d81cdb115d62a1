//! The light, driven through its routes and its own program.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hap_manifest::Manifest;
use hap_plugin::axum::Router;
use hap_plugin::axum::body::{Body, to_bytes};
use hap_plugin::axum::http::Request;
use hap_plugin::serde_json::{self, Value, json};
use hap_plugin::{Settings, into_router};
use light::Light;
use tower::ServiceExt as _;

const MANIFEST: &str = include_str!("../manifest.json");

async fn start(settings: Settings) -> Router {
    into_router(Light::default(), settings).await.unwrap()
}

fn settings() -> Settings {
    Settings::new("light".parse().unwrap())
}

async fn ask(light: &Router, request: Request<Body>) -> (u16, Value) {
    let response = light.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

async fn get(light: &Router, path: &str) -> Value {
    ask(light, Request::get(path).body(Body::empty()).unwrap())
        .await
        .1
}

async fn post(light: &Router, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::post(path).header("content-type", "application/json");
    ask(light, request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn commands_change_the_light() {
    let light = start(settings()).await;
    assert_eq!(get(&light, "/status").await["data"]["on"], false);
    let (status, reply) = post(&light, "/command", &json!({"command": "turn_on", "params": {}})).await;
    assert_eq!(
        (status, &reply["result"]),
        (200, &json!("the light is on at 100 %"))
    );
    post(
        &light,
        "/command",
        &json!({"command": "set_brightness", "params": {"level": 40}}),
    )
    .await;
    assert_eq!(get(&light, "/status").await["data"]["brightness"], 40);
    post(
        &light,
        "/command",
        &json!({"command": "set_brightness", "params": {"level": 0}}),
    )
    .await;
    assert_eq!(get(&light, "/status").await["data"]["on"], false);
    post(&light, "/command", &json!({"command": "turn_on"})).await;
    assert_eq!(get(&light, "/status").await["data"]["brightness"], 40);
    post(&light, "/command", &json!({"command": "turn_off"})).await;
    assert_eq!(get(&light, "/status").await["data"]["on"], false);
}

#[tokio::test]
async fn a_brightness_is_at_most_a_hundred() {
    let light = start(settings()).await;
    for level in [json!(101), json!(-1), json!("50"), json!(1.5)] {
        let (status, refusal) = post(
            &light,
            "/command",
            &json!({"command": "set_brightness", "params": {"level": level}}),
        )
        .await;
        assert_eq!(
            (status, &refusal["details"]["path"]),
            (422, &json!("params.level")),
            "{refusal}"
        );
    }
}

#[tokio::test]
async fn a_configuration_is_checked_and_outlives_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let light = start(settings().with_data_dir(dir.path())).await;
    let (status, refusal) = post(&light, "/config", &json!({"transition_ms": 10_001})).await;
    assert_eq!((status, &refusal["code"]), (422, &json!("invalid_config")));
    assert_eq!(refusal["details"]["path"], "transition_ms");
    let (status, _) = post(&light, "/config", &json!({"brightness": 3})).await;
    assert_eq!(status, 422);
    let config = json!({"default_brightness": 60, "transition_ms": 500});
    assert_eq!(post(&light, "/config", &config).await.0, 200);
    drop(light);

    let light = start(settings().with_data_dir(dir.path())).await;
    assert_eq!(
        get(&light, "/status").await["data"],
        json!({"on": false, "brightness": 60, "config": config})
    );
}

#[test]
fn the_manifest_is_valid_and_its_configuration_is_the_programs() {
    let manifest = Manifest::from_json_strict(MANIFEST).unwrap();
    let schema = hap_plugin::schemars::schema_for!(light::Config).to_value();
    assert_eq!(manifest.config_schema(), Some(&schema));
    assert_eq!(manifest.version().to_string(), env!("CARGO_PKG_VERSION"));
}
