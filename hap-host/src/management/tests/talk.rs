//! What is said to plugins, which are served for real here.

use axum::routing::{get, post};

use super::*;
use crate::model::config_state::ConfigState;

async fn answering(status: u16, body: &'static str) -> (Bed, PluginHandle) {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    let answer = async move || (StatusCode::from_u16(status).unwrap(), body);
    let router = Router::new()
        .route("/command", post(answer))
        .route("/config", post(answer))
        .route("/status", get(answer));
    bed.serve(light.id(), router).await;
    light.start().await.unwrap();
    (bed, light)
}

#[tokio::test]
async fn a_command_is_answered_as_the_plugin_answers_it() {
    let (bed, _) = answering(
        200,
        r#"{"success":true,"result":"on","data":{"level":3},"device":"lamp"}"#,
    )
    .await;
    let answer = bed
        .post("/v1/plugins/light/command", &json!({"command": "turn_on"}))
        .await;
    assert_eq!(
        *answer.good(),
        json!({"success": true, "result": "on", "data": {"level": 3}, "device": "lamp"})
    );
}

#[tokio::test]
async fn a_plugins_refusal_keeps_its_status_and_its_code() {
    let refusal =
        r#"{"success":false,"error":"no such lamp","code":"unknown_device","details":{"known":["a"]}}"#;
    for status in [404, 409, 422, 502, 503, 504] {
        let (bed, _) = answering(status, refusal).await;
        let answer = bed
            .post("/v1/plugins/light/command", &json!({"command": "turn_on"}))
            .await;
        assert_eq!(
            (answer.status, answer.json),
            (
                status,
                json!({
                    "success": false, "error": "no such lamp", "code": "unknown_device", "details": {"known": ["a"]},
                    "refused_by": "plugin", "plugin_status": status,
                })
            )
        );
    }
}

#[tokio::test]
async fn a_failure_of_the_way_to_a_plugin_never_looks_like_its_answer() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    let command = json!({"command": "turn_on"});
    let answer = bed.post("/v1/plugins/light/command", &command).await;
    assert_eq!(answer.refused(409), "not_running");

    // Nobody listens where it should be.
    light.start().await.unwrap();
    let answer = bed.post("/v1/plugins/light/command", &command).await;
    assert_eq!(answer.refused(502), "unreachable");
    assert_eq!(
        bed.get("/v1/plugins/light/status").await.refused(502),
        "unreachable"
    );

    let (bed, _) = answering(200, "<html>").await;
    let answer = bed.post("/v1/plugins/light/command", &command).await;
    assert_eq!(answer.refused(502), "invalid_reply");
    let (bed, _) = answering(302, "").await;
    let answer = bed.post("/v1/plugins/light/command", &command).await;
    assert_eq!(answer.refused(502), "invalid_reply");
}

#[tokio::test]
async fn a_caller_chooses_the_deadline_within_bounds() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    let never = post(async || {
        std::future::pending::<()>().await;
        ""
    });
    bed.serve(light.id(), Router::new().route("/command", never))
        .await;
    light.start().await.unwrap();
    let command = json!({"command": "turn_on"});
    let answer = bed
        .post("/v1/plugins/light/command?timeout_ms=50", &command)
        .await;
    assert_eq!(answer.refused(504), "timeout");
    assert!(answer.error().contains("50ms"), "{}", answer.text);
    for wrong in ["0", "600001", "-1", "1s", "", "1&timeout_ms=2"] {
        let path = format!("/v1/plugins/light/command?timeout_ms={wrong}");
        let answer = bed.post(&path, &command).await;
        assert_eq!(answer.refused(400), "invalid_parameter", "{wrong}");
        assert_eq!(answer.json["details"]["parameter"], "timeout_ms");
    }
}

#[tokio::test]
async fn what_a_caller_says_about_a_command_reaches_the_plugin() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    let echo = async |headers: HeaderMap| {
        let names = ["idempotency-key", "x-request-id", "traceparent"];
        let told = names.map(|name| headers[name].to_str().unwrap().to_owned());
        json!({"success": true, "result": told}).to_string()
    };
    bed.serve(light.id(), Router::new().route("/command", post(echo)))
        .await;
    light.start().await.unwrap();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [
        JSON,
        ("idempotency-key", "key-1"),
        ("x-request-id", "id-1"),
        ("traceparent", trace),
    ];
    let body = || Body::from(r#"{"command":"go"}"#);
    let answer = bed
        .send("POST", "/v1/plugins/light/command", &headers, body())
        .await;
    let told = &answer.good()["result"];
    assert_eq!((&told[0], &told[1]), (&json!("key-1"), &json!("id-1")));
    assert!(
        told[2]
            .as_str()
            .unwrap()
            .contains("4bf92f3577b34da6a3ce929d0e0e4736"),
        "{told}"
    );
    let headers = [JSON, ("idempotency-key", "two words")];
    let answer = bed
        .send("POST", "/v1/plugins/light/command", &headers, body())
        .await;
    assert_eq!(answer.refused(422), "invalid_input");
}

#[tokio::test]
async fn settings_are_kept_given_and_shown_without_their_secrets() {
    let bed = Bed::new().await;
    let extra = r#","secrets":["password"],"config_schema":{"type":"object","properties":{"level":{"type":"integer"},"password":{"type":"string"}}}"#;
    let light = bed.installed_with("light", extra).await;
    let path = "/v1/plugins/light/config";
    assert_eq!(
        *bed.get(path).await.good(),
        json!({"settings": null, "config": {"state": "none", "reason": null}})
    );

    let answer = bed.put(path, &json!({"level": 3, "password": "hunter2"})).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    assert_eq!(answer.json["delivered"], false);
    let kept = bed.get(path).await;
    assert_eq!(
        kept.good()["settings"],
        json!({"level": 3, "password": "[REDACTED]"})
    );
    assert_eq!(kept.json["config"]["state"], "pending");
    assert_eq!(
        bed.get("/v1/plugins/light").await.good()["settings"]["password"],
        "[REDACTED]"
    );

    let take = post(async || r#"{"success":true,"message":"taken"}"#);
    bed.serve(light.id(), Router::new().route("/config", take)).await;
    light.start().await.unwrap();
    let answer = bed
        .put(path, &json!({"level": 4, "password": "[REDACTED]"}))
        .await;
    assert_eq!(
        *answer.good(),
        json!({"success": true, "delivered": true, "message": "taken"})
    );
    assert_eq!(light.state().config, ConfigState::Delivered);

    for wrong in [json!({"level": "high"}), json!([]), json!(null), json!(7)] {
        let answer = bed.put(path, &wrong).await;
        assert_eq!(answer.refused(422), "invalid_input", "{wrong}");
    }
    let kept = bed.get(path).await;
    assert_eq!(kept.good()["settings"]["level"], 4);
}

#[tokio::test]
async fn settings_that_the_plugin_refuses_are_its_refusal_without_its_secrets() {
    let bed = Bed::new().await;
    let light = bed.installed_with("light", SECRETIVE).await;
    let refuse = post(async || {
        (
            StatusCode::BAD_REQUEST,
            r#"{"success":false,"error":"hunter2 is too short","code":"short"}"#,
        )
    });
    bed.serve(light.id(), Router::new().route("/config", refuse))
        .await;
    light.start().await.unwrap();
    let answer = bed
        .put("/v1/plugins/light/config", &json!({"password": "hunter2"}))
        .await;
    assert_eq!((answer.status, &answer.json["code"]), (400, &json!("short")));
    assert_eq!(answer.json["refused_by"], "plugin");
    assert_eq!(answer.error(), "[REDACTED] is too short");
    assert_eq!(
        bed.get("/v1/plugins/light/config").await.good()["settings"],
        Value::Null
    );
}

#[tokio::test]
async fn a_status_is_asked_for_or_the_last_one_that_was_pushed() {
    let (bed, light) = answering(
        200,
        r#"{"plugin_id":"light","status":"running","data":{"level":3},"mqtt":true}"#,
    )
    .await;
    let answer = bed.get("/v1/plugins/light/status").await;
    assert_eq!(
        *answer.good(),
        json!({"plugin_id": "light", "status": "running", "data": {"level": 3}, "mqtt": true})
    );
    assert_eq!(
        *bed.get("/v1/plugins/light/last-status").await.good(),
        json!({"event": null})
    );
    streams::store(&bed, light.id(), "status", &json!({"level": 9})).await;
    let answer = bed.get("/v1/plugins/light/last-status").await;
    assert_eq!(answer.good()["event"]["event"]["data"], json!({"level": 9}));
}
