//! The host's API and the protocol.

use axum::{
    body::{Body, to_bytes},
    http::Request,
};
use hap_host::{EnvOverrides, Supervisor, engine::FakeEngine};
use hap_manifest::Manifest;
use serde_json::Value;
use tower::ServiceExt as _;

/// A host with one plugin, and its API.
async fn host(state: &std::path::Path) -> (Supervisor, axum::Router) {
    let host = Supervisor::builder(FakeEngine::new(), state)
        .start()
        .await
        .unwrap();
    let light = Manifest::builder("light", "Light", "1.0.0", "light:1")
        .build()
        .unwrap();
    host.install(light).await.unwrap();
    let router = host.management_router();
    (host, router)
}

async fn ask(router: &axum::Router, method: &str, path: &str, body: &str) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// serde reads a struct from a list, too: `[]` was an empty set of variables.
#[tokio::test]
async fn b03_a_list_in_place_of_an_object_is_refused_and_changes_nothing() {
    let state = tempfile::tempdir().unwrap();
    let (host, router) = host(state.path()).await;
    let light = host.plugins().pop().unwrap();
    let env = EnvOverrides::new().with("LEVEL", "1").unwrap();
    light
        .set_env(env.with_secret("KEY", "hunter2").unwrap())
        .await
        .unwrap();
    for (method, path) in [
        ("PUT", "env"),
        ("PUT", "limits"),
        ("PUT", "boot"),
        ("PUT", "grants"),
        ("PUT", "desired"),
        ("POST", "command"),
    ] {
        for body in ["[]", "[[]]", "[{}, {}]", "null", "1", "\"x\""] {
            let (status, answer) = ask(&router, method, &format!("/v1/plugins/light/{path}"), body).await;
            assert_eq!(status, 422, "{path} {body}: {answer}");
            assert_eq!(answer["code"], "invalid_body", "{path} {body}: {answer}");
        }
    }
    assert_eq!(light.env().get("LEVEL"), Some("1"));
    let (status, _) = ask(
        &router,
        "PUT",
        "/v1/plugins/light/env",
        "\u{feff}{\"variables\": {}}",
    )
    .await;
    assert_ne!(status, 400, "a byte order mark is passed over");
}
