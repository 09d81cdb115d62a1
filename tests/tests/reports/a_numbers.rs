//! Integers of more than 64 bits, which readers of JSON make floats of.

use std::path::Path;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
    routing::{get, post},
};
use hap_host::{Cursor, Delivery, ErrorKind, PluginHandle, SubscribeOptions, Supervisor, engine::FakeEngine};
use hap_manifest::{Manifest, env};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

const LARGEST: &str = "18446744073709551615";
const TOO_LARGE: &str = "18446744073709551616";

async fn light(state: &Path, plugin: Router) -> (FakeEngine, Supervisor, PluginHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let engine = FakeEngine::new();
    let host = Supervisor::builder(engine.clone(), state).start().await.unwrap();
    let light = Manifest::builder("light", "Light", "1.0.0", "light:1")
        .build()
        .unwrap();
    let light = host.install(light).await.unwrap();
    engine.set_address(light.id(), listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, plugin).await });
    light.start().await.unwrap();
    (engine, host, light)
}

/// A plugin's numbers came to its host with other digits, and nobody was told.
#[tokio::test]
async fn a14_an_integer_of_a_reply_that_would_lose_digits_is_refused() {
    for (id, is_taken) in [
        (LARGEST, true),
        (TOO_LARGE, false),
        ("-9223372036854775809", false),
    ] {
        let state = tempfile::tempdir().unwrap();
        let result = format!(r#"{{"success":true,"result":{{"id":{id}}}}}"#);
        let status = format!(r#"{{"plugin_id":"light","status":"running","data":{{"id":{id}}}}}"#);
        let plugin = Router::new()
            .route("/command", post(async move || result))
            .route("/status", get(async move || status));
        let (_engine, _host, light) = light(state.path(), plugin).await;
        let answered = light.command("read", json!({})).await;
        let (result, status) = (
            answered.map(|answer| answer.result.to_string()),
            light.status().await,
        );
        if is_taken {
            assert!(result.unwrap().contains(id));
            assert_eq!(status.unwrap().data["id"].to_string(), id);
            continue;
        }
        for error in [result.unwrap_err(), status.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::InvalidReply, "{error}");
            assert!(error.to_string().contains("write it as a string"), "{error}");
        }
    }
}

/// That a plugin refused, and why, is told whatever its numbers are.
#[tokio::test]
async fn a14_a_refusal_with_such_an_integer_is_told_without_it() {
    let state = tempfile::tempdir().unwrap();
    let body =
        format!(r#"{{"success":false,"error":"lamp is off","code":"off","details":{{"id":{TOO_LARGE}}}}}"#);
    let plugin = Router::new().route("/command", post(async move || (StatusCode::CONFLICT, body)));
    let (_engine, _host, light) = light(state.path(), plugin).await;
    let error = light.command("turn_on", json!({})).await.unwrap_err();
    let wire = error.wire().unwrap();
    assert_eq!(
        (wire.error.as_str(), wire.code.as_deref()),
        ("lamp is off", Some("off"))
    );
    assert_eq!(wire.details, None);
}

#[tokio::test]
async fn a14_an_event_with_such_an_integer_is_refused_and_one_that_fits_keeps_its_digits() {
    let state = tempfile::tempdir().unwrap();
    let (engine, host, light) = light(state.path(), Router::new()).await;
    let spec = engine.spec(light.id()).unwrap();
    let variable = |name: &str| {
        let found = spec.env.iter().find(|var| var.name() == name);
        found.unwrap().expose_value().to_owned()
    };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let send = async |body: String| {
        let request = client
            .post(format!("{}/events", variable(env::PLATFORM_API_URL)))
            .bearer_auth(variable(env::HAP_API_TOKEN));
        let answer = request.body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap_or_default())
    };
    let event = |id: &str| format!(r#"{{"type":"seen","data":{{"id":{id}}}}}"#);
    let (status, answer) = send(format!("[{},{}]", event("1"), event(TOO_LARGE))).await;
    assert_eq!(
        (status, &answer["code"]),
        (400, &json!("invalid_event")),
        "{answer}"
    );
    assert!(answer.to_string().contains("write it as a string"), "{answer}");
    let (status, answer) = send(event(LARGEST)).await;
    assert_eq!(status, 202, "{answer}");
    let mut events = host.plugin_events(SubscribeOptions::default().after(Cursor::START));
    let Delivery::Event(kept) = events.next().await.unwrap().unwrap() else {
        panic!("the first of it is the event");
    };
    assert_eq!(
        kept.event.data["id"].to_string(),
        LARGEST,
        "nothing of the refused batch is kept"
    );
}

#[tokio::test]
async fn a14_what_people_send_to_the_host_is_refused_the_same() {
    let state = tempfile::tempdir().unwrap();
    let (_engine, host, _light) = light(state.path(), Router::new()).await;
    let router = host.management_router();
    for (method, path, body) in [
        ("POST", "command", r#"{"command":"read","params":{"id":N}}"#),
        ("PUT", "config", r#"{"id":N}"#),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(format!("/v1/plugins/light/{path}"))
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Body::from(body.replace('N', TOO_LARGE)))
            .unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 400, "{path}");
        let answer = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["code"], "number_too_large", "{path}");
    }
}
