//! The host's API and the protocol.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    http::Request,
};
use hap_host::{
    EnvOverrides, Phase, PluginHandle, PluginSource, Supervisor,
    engine::{FakeEngine, FakeImage, FakeOperation},
};
use hap_manifest::{Manifest, env};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::raw::Raw;

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

/// Sends an event as `light` does, by its own environment.
async fn send(
    engine: &FakeEngine,
    light: &PluginHandle,
    headers: &[(&str, &str)],
    body: &Value,
) -> (u16, Value) {
    let spec = engine.spec(light.id()).unwrap();
    let variable = |name: &str| {
        spec.env
            .iter()
            .find(|var| var.name() == name)
            .unwrap()
            .expose_value()
            .to_owned()
    };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client
        .post(format!("{}/events", variable(env::PLATFORM_API_URL)))
        .bearer_auth(variable(env::HAP_API_TOKEN))
        .body(body.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn light_that_runs(engine: &FakeEngine, state: &std::path::Path) -> (Supervisor, PluginHandle) {
    let host = Supervisor::builder(engine.clone(), state).start().await.unwrap();
    let light = Manifest::builder("light", "Light", "1.0.0", "light:1")
        .build()
        .unwrap();
    let light = host.install(light).await.unwrap();
    light.start().await.unwrap();
    (host, light)
}

/// The body of an event in binary mode is its data; what has a key `type` was stored as another event.
#[tokio::test]
async fn b04_an_event_in_binary_mode_is_refused_by_name() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let (_host, light) = light_that_runs(&engine, state.path()).await;
    let binary = [
        ("ce-specversion", "1.0"),
        ("ce-type", "motion"),
        ("ce-id", "7"),
        ("ce-source", "/plugins/light"),
    ];
    let data = json!({"type": "lamp", "room": "hall"});
    let (status, answer) = send(&engine, &light, &binary, &data).await;
    assert_eq!(status, 415, "{answer}");
    assert_eq!(answer["code"], "unsupported_media_type");
    assert!(
        answer["error"].as_str().unwrap().contains("binary mode"),
        "{answer}"
    );
    assert_eq!(send(&engine, &light, &[], &data).await.0, 202);
}

/// A time without an offset was replaced by that of the arrival, and nobody was told.
#[tokio::test]
async fn b13_a_time_that_cannot_be_read_is_refused_by_name() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let (_host, light) = light_that_runs(&engine, state.path()).await;
    for time in [
        "2026-01-31T08:00:00",
        "2026-01-31T08:00Z",
        "2026-01-31",
        "yesterday",
        "",
    ] {
        let batch = json!([{"type": "motion"}, {"type": "motion", "time": time}]);
        let (status, answer) = send(&engine, &light, &[], &batch).await;
        assert_eq!(status, 400, "{time}: {answer}");
        assert!(
            answer["error"].as_str().unwrap().contains("\"time\""),
            "{time}: {answer}"
        );
        assert_eq!(answer["details"]["index"], 1, "{time}: {answer}");
    }
    for time in ["2026-01-31T08:00:00Z", "2026-01-31T09:00:00.25+01:00"] {
        let event = json!({"type": "motion", "time": time});
        assert_eq!(send(&engine, &light, &[], &event).await.0, 202, "{time}");
    }
}

/// A source that leads to another plugin once its dots are resolved was taken as the plugin's own.
#[tokio::test]
async fn b14_a_source_with_dots_is_another_plugins() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let (_host, light) = light_that_runs(&engine, state.path()).await;
    for source in [
        "/plugins/light/../lock",
        "/plugins/light/%2e%2e/lock",
        "/plugins/light/..",
    ] {
        let (status, answer) = send(&engine, &light, &[], &json!({"type": "motion", "source": source})).await;
        assert_eq!(status, 403, "{source}: {answer}");
        assert_eq!(answer["code"], "foreign_source");
    }
    let own = json!({"type": "motion", "source": "/plugins/light/hall.1/..."});
    assert_eq!(send(&engine, &light, &[], &own).await.0, 202);
}

/// After an installation the phase was `unknown`, until the engine had been asked.
#[tokio::test]
async fn b09_a_plugin_that_was_just_installed_is_stopped() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    engine.set_delay(FakeOperation::Inspect, Duration::from_millis(200));
    let host = Supervisor::builder(engine.clone(), state.path())
        .start()
        .await
        .unwrap();
    let body = json!({"id": "light", "name": "Light", "version": "1.0.0", "description": "d", "author": "a", "image": "light:1"});
    let (status, answer) = ask(
        &host.management_router(),
        "POST",
        "/v1/plugins",
        &body.to_string(),
    )
    .await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(answer["state"]["phase"], "stopped", "{answer}");
    assert_eq!(host.plugins().pop().unwrap().state().phase, Phase::Stopped);
}

/// A secret setting is taken out of what a plugin refuses, and left in what it answers: docs/security.md says so.
#[tokio::test]
async fn b10_a_secret_is_taken_out_of_refusals_and_left_in_what_a_plugin_answers() {
    let status = json!({"plugin_id": "light", "status": "running", "data": {"wifi": "hunter2"}});
    let refused = json!({"success": false, "error": "hunter2 is wrong", "code": "wrong"});
    let plugin = axum::Router::new()
        .route(
            "/config",
            axum::routing::post(async || axum::Json(json!({"success": true}))),
        )
        .route("/status", axum::routing::get(async || axum::Json(status)))
        .route(
            "/command",
            axum::routing::post(async || (axum::http::StatusCode::UNPROCESSABLE_ENTITY, axum::Json(refused))),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let serving = tokio::spawn(axum::serve(listener, plugin).into_future());

    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let host = Supervisor::builder(engine.clone(), state.path())
        .start()
        .await
        .unwrap();
    let light = Manifest::builder("light", "Light", "1.0.0", "light:1")
        .secret("password")
        .build()
        .unwrap();
    let light = host.install(light).await.unwrap();
    engine.set_address(light.id(), at);
    light.start().await.unwrap();
    light.configure(json!({"password": "hunter2"})).await.unwrap();
    let router = host.management_router();
    let (code, answer) = ask(&router, "GET", "/v1/plugins/light/status", "").await;
    assert_eq!(code, 200, "{answer}");
    assert!(answer.to_string().contains("hunter2"), "{answer}");
    let (_, answer) = ask(
        &router,
        "POST",
        "/v1/plugins/light/command",
        r#"{"command": "on"}"#,
    )
    .await;
    assert!(answer.to_string().contains("[REDACTED] is wrong"), "{answer}");
    assert!(!answer.to_string().contains("hunter2"), "{answer}");
    serving.abort();
}

/// A version of the light whose settings are one number of this name.
fn with_setting(version: &str, name: &str) -> Manifest {
    let schema = json!({
        "type": "object", "properties": {name: {"type": "integer"}}, "required": [name], "additionalProperties": false
    });
    let text = json!({
        "id": "light", "name": "Light", "version": version, "description": "d", "author": "a", "image": "light:1",
        "config_schema": schema
    });
    Manifest::from_json(&text.to_string()).unwrap().manifest
}

/// An update over HTTP could not bring the settings that its version needs, so only uninstalling was left.
#[tokio::test]
async fn b02_an_update_over_http_carries_settings() {
    let state = tempfile::tempdir().unwrap();
    let host = Supervisor::builder(FakeEngine::new(), state.path());
    let host = host.start().await.unwrap();
    let light = host.install(with_setting("1.0.0", "level")).await.unwrap();
    let router = host.management_router();
    let (status, answer) = ask(&router, "PUT", "/v1/plugins/light/config", r#"{"level": 40}"#).await;
    assert_eq!(status, 202, "{answer}");
    let next = serde_json::to_string(&with_setting("2.0.0", "brightness")).unwrap();
    let update = async |settings: &[&str]| {
        let mut request = Request::post("/v1/plugins/light/update")
            .header("host", "localhost")
            .header("content-type", "application/json");
        for settings in settings {
            request = request.header("plugin-settings", *settings);
        }
        let request = request.body(Body::from(next.clone())).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice::<Value>(&body).unwrap())
    };
    let (status, answer) = update(&[]).await;
    assert_eq!(status, 422, "{answer}");
    let told = answer["error"].as_str().unwrap();
    for words in [
        "not for version 2.0.0",
        "brightness",
        "the header `plugin-settings`",
    ] {
        assert!(told.contains(words), "{told}");
    }
    assert!(!told.contains("::") && !told.contains("Request"), "{told}");
    for (settings, code) in [
        (&["{"][..], "invalid_parameter"),
        (&["[]"], "invalid_parameter"),
        (&["{}", "{}"], "invalid_parameter"),
        (&[r#"{"level": 40}"#], "invalid_input"),
        (&[r#"{"brightness": "x"}"#], "invalid_input"),
    ] {
        let (status, answer) = update(settings).await;
        assert!(status == 400 || status == 422, "{settings:?}: {answer}");
        assert_eq!(answer["code"], code, "{settings:?}: {answer}");
    }
    assert_eq!(light.manifest().version().to_string(), "1.0.0");
    let (status, answer) = update(&[r#"{"brightness": 70}"#]).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(light.manifest().version().to_string(), "2.0.0");
    assert_eq!(light.config().await.unwrap(), Some(json!({"brightness": 70})));
}

/// Documents said that settings which the plugin refuses stay kept, and "not now" was taken for no.
#[tokio::test]
async fn b08_settings_that_a_running_plugin_refuses_are_forgotten_and_not_now_is_no_refusal() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let (host, light) = light_that_runs(&engine, state.path()).await;
    // A plugin that answers with the status in its settings.
    let answer = async |axum::Json(settings): axum::Json<Value>| {
        let status = u16::try_from(settings["status"].as_u64().unwrap()).unwrap();
        let status = axum::http::StatusCode::from_u16(status).unwrap();
        let success = status.is_success();
        (
            status,
            axum::Json(json!({"success": success, "error": "no", "message": "yes"})),
        )
    };
    let plugin = axum::Router::new().route("/config", axum::routing::post(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    engine.set_address(light.id(), listener.local_addr().unwrap());
    let serving = tokio::spawn(axum::serve(listener, plugin).into_future());
    light.restart().await.unwrap();
    let router = host.management_router();
    let put = async |answered: u16| {
        let body = json!({ "status": answered }).to_string();
        ask(&router, "PUT", "/v1/plugins/light/config", &body).await
    };
    let kept = async || light.config().await.unwrap().unwrap()["status"].clone();
    assert_eq!(put(200).await.0, 200);
    for refused in [400, 422, 500] {
        let (status, answer) = put(refused).await;
        assert_eq!(status, refused, "{answer}");
        assert_eq!(kept().await, 200, "the earlier ones stay");
        assert_eq!(light.state().config.as_str(), "delivered");
    }
    for not_now in [429, 503] {
        let (status, answer) = put(not_now).await;
        assert_eq!(status, 202, "{answer}");
        assert_eq!(answer["delivered"], false);
        assert_eq!(kept().await, not_now);
        assert_eq!(light.state().config.as_str(), "pending");
    }
    serving.abort();
}

/// A zip without README.md, or without a Dockerfile where its image exists, was refused by the host.
#[tokio::test]
async fn b07_a_host_takes_a_package_whose_image_exists_and_warns() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let host = Supervisor::builder(engine.clone(), state.path());
    let host = host.start().await.unwrap();
    let package = || {
        let manifest = Raw::new("manifest.json", crate::raw::MANIFEST.as_bytes());
        PluginSource::package_reader(std::io::Cursor::new(crate::raw::archive(&[manifest])))
    };
    let review = host.review(package(), []).await.unwrap();
    for missing in ["no README.md", "no Dockerfile"] {
        assert!(
            review.warnings.iter().any(|warning| warning.contains(missing)),
            "{:?}",
            review.warnings
        );
    }
    let plugin = host.install(package()).await.unwrap();
    plugin.start().await.unwrap();
    let image = plugin.manifest().image().clone();
    plugin.uninstall().await.unwrap();
    engine.set_image(&image, FakeImage::Missing);
    let error = host.install(package()).await.unwrap_err().report();
    assert!(
        error.contains("there is no Dockerfile to build it from"),
        "{error}"
    );
}
