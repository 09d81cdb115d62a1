//! What is wanted of plugins.

use super::*;
use crate::{engine::observed::Exit, model::desired::Desired};

#[tokio::test]
async fn a_plugin_is_started_restarted_and_stopped() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    let answer = bed.act("/v1/plugins/light/restart").await;
    assert_eq!(answer.refused(409), "not_running");
    let answer = bed.act("/v1/plugins/light/start").await;
    assert_eq!(answer.good()["phase"], "healthy");
    assert_eq!(answer.json["desired"], "running");
    assert_eq!(bed.act("/v1/plugins/light/start").await.status, 200);
    assert_eq!(
        bed.act("/v1/plugins/light/restart").await.good()["phase"],
        "healthy"
    );
    let answer = bed.act("/v1/plugins/light/stop").await;
    assert_eq!(answer.good()["phase"], "stopped");
    assert_eq!(light.state().phase, Phase::Stopped);
    let answer = bed.get("/v1/plugins/light").await;
    assert_eq!(answer.good()["state"]["failure"], Value::Null);
}

#[tokio::test]
async fn an_empty_object_is_a_body_too_and_anything_else_is_not() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    assert_eq!(bed.post("/v1/plugins/light/start", &json!({})).await.status, 200);
    let answer = bed.post("/v1/plugins/light/stop", &json!({"force": true})).await;
    assert_eq!(answer.refused(422), "invalid_body");
    assert_eq!(light.state().desired, Desired::Running);
}

#[tokio::test]
async fn a_start_that_fails_says_why_in_words_and_for_programs() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    bed.engine.crash_at_start(light.id(), Some(Exit::code(78)));
    let answer = bed.act("/v1/plugins/light/start").await;
    assert_eq!(answer.refused(502), "failed");
    let failure = &answer.json["details"]["failure"];
    assert_eq!(failure["cause"], "configuration");
    assert_eq!(failure["permanent"], true);
    let answer = bed.get("/v1/plugins").await;
    let listed = &answer.good()["plugins"][0];
    assert_eq!(listed["phase"], "failed");
    assert!(listed["problem"].as_str().unwrap().contains("78"), "{listed}");
    let answer = bed.get("/v1/plugins/light").await;
    assert_eq!(answer.good()["state"]["last_exit"]["code"], 78);
}

#[tokio::test]
async fn what_is_wanted_can_be_recorded_without_waiting_for_it() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    let answer = bed
        .put("/v1/plugins/light/desired", &json!({"desired": "running"}))
        .await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    assert_eq!(answer.json["desired"], "running");
    let healthy = light.wait_for(|state| state.phase == Phase::Healthy);
    tokio::time::timeout(DEADLINE, healthy).await.unwrap().unwrap();
    bed.put("/v1/plugins/light/desired", &json!({"desired": "stopped"}))
        .await
        .good();
    let stopped = light.wait_for(|state| state.phase == Phase::Stopped);
    tokio::time::timeout(DEADLINE, stopped).await.unwrap().unwrap();

    for body in [
        json!({"desired": "removed"}),
        json!({"desired": 1}),
        json!({}),
        json!([]),
        json!({"desired": "running", "now": true}),
    ] {
        let answer = bed.put("/v1/plugins/light/desired", &body).await;
        assert_eq!(answer.refused(422), "invalid_body", "{body}");
        assert!(answer.json["details"]["path"].is_string());
    }
    assert_eq!(light.state().desired, Desired::Stopped);
}

#[tokio::test]
async fn keys_are_rotated_and_never_shown() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    light.start().await.unwrap();
    let keys = |bed: &Bed| -> Vec<String> {
        let spec = bed.engine.spec(light.id()).unwrap();
        let secret = ["HAP_API_TOKEN", "HAP_WEBHOOK_SECRET"];
        spec.env
            .iter()
            .filter(|var| secret.contains(&var.name()))
            .map(|var| var.expose_value().to_owned())
            .collect()
    };
    let before = keys(&bed);
    let answer = bed.act("/v1/plugins/light/rotate-secrets").await;
    assert_eq!(answer.good()["phase"], "healthy");
    let after = keys(&bed);
    assert!(before.len() == 2 && before.iter().all(|key| !after.contains(key)));
    let mut shown = answer.text;
    for path in [
        "/v1/plugins",
        "/v1/plugins/light",
        "/v1/plugins/light/config",
        "/v1/metrics",
        "/v1/health",
    ] {
        shown.push_str(&bed.get(path).await.text);
    }
    assert!(
        before
            .iter()
            .chain(&after)
            .all(|key| !shown.contains(key.as_str()))
    );
}

#[tokio::test]
async fn grants_are_replaced() {
    let bed = Bed::new().await;
    let text = manifest_text("radio", r#","capabilities":["NET_RAW"]"#);
    bed.send("POST", "/v1/plugins?grant_all=true", &[JSON], Body::from(text))
        .await
        .good();
    let answer = bed.put("/v1/plugins/radio/grants", &json!({"grants": []})).await;
    assert_eq!(answer.good()["refusals"][0]["grantable"], "capability:NET_RAW");
    let answer = bed.act("/v1/plugins/radio/start").await;
    assert_eq!(answer.refused(403), "not_permitted");
    let answer = bed
        .put(
            "/v1/plugins/radio/grants",
            &json!({"grants": ["capability:NET_RAW", "root"]}),
        )
        .await;
    assert_eq!(answer.good()["granted"].as_array().unwrap().len(), 1);
    assert_eq!(
        *bed.get("/v1/plugins/radio/permissions").await.good(),
        answer.json
    );
    let answer = bed
        .put("/v1/plugins/radio/grants", &json!({"grants": ["network", "rot"]}))
        .await;
    assert_eq!(answer.refused(422), "invalid_body");
    assert_eq!(answer.json["details"]["path"], "grants[1]");
}
