//! How plugins and the supervisor do.

use super::*;
use crate::engine::{
    SimulatedHealth, error::EngineErrorKind, fake::faults::FakeOperation, stream::LogSource,
};

#[tokio::test]
async fn usage_is_measured_while_it_runs() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    assert_eq!(
        bed.get("/v1/plugins/light/usage").await.refused(409),
        "not_running"
    );
    light.start().await.unwrap();
    let answer = bed.get("/v1/plugins/light/usage").await;
    assert!(answer.good()["memory_bytes"].is_u64(), "{}", answer.text);
    bed.engine
        .fail_next(FakeOperation::Stats, EngineErrorKind::Unavailable);
    let answer = bed.get("/v1/plugins/light/usage").await;
    assert_eq!(answer.refused(503), "engine");
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn the_newest_lines_of_output_are_answered_without_secrets() {
    let bed = Bed::new().await;
    let light = bed.secretive().await;
    let path = "/v1/plugins/light/logs";
    assert_eq!(
        *bed.get(path).await.good(),
        json!({"lines": [], "truncated": false})
    );
    light.start().await.unwrap();
    for number in 0..300 {
        bed.engine
            .print(light.id(), LogSource::Stdout, &format!("line {number}"));
    }
    bed.engine
        .print(light.id(), LogSource::Stderr, "password=hunter2");
    let answer = bed.get(path).await;
    let lines = answer.good()["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 200);
    assert_eq!(lines[199]["text"], "password=[REDACTED]");
    assert_eq!(lines[199]["source"], "stderr");
    let answer = bed.get("/v1/plugins/light/logs?tail=2").await;
    assert_eq!(answer.good()["lines"][0]["text"], "line 299");
    let since = answer.json["lines"][1]["time"].as_str().unwrap();
    let answer = bed.get(&format!("{path}?since={since}")).await;
    assert_eq!(answer.good()["lines"].as_array().unwrap().len(), 1);
    for wrong in ["tail=0", "tail=5001", "tail=x", "since=yesterday", "since="] {
        let answer = bed.get(&format!("{path}?{wrong}")).await;
        assert_eq!(answer.refused(400), "invalid_parameter", "{wrong}");
    }
}

#[tokio::test]
async fn output_that_is_too_much_for_one_answer_loses_its_oldest_lines_and_says_so() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    light.start().await.unwrap();
    let long = "x".repeat(16 << 10);
    for _ in 0..300 {
        bed.engine.print(light.id(), LogSource::Stdout, &long);
    }
    let answer = bed.get("/v1/plugins/light/logs?tail=300").await;
    assert_eq!(answer.good()["truncated"], true);
    assert_eq!(answer.json["lines"].as_array().unwrap().len(), 256);
}

#[tokio::test]
async fn metrics_are_text_that_prometheus_reads() {
    let bed = Bed::new().await;
    bed.installed("light").await;
    let answer = bed.get("/v1/metrics").await;
    assert_eq!(
        answer.headers[header::CONTENT_TYPE],
        Supervisor::METRICS_CONTENT_TYPE
    );
    assert!(
        answer.text.contains("hap_plugins{phase=\"stopped\"} 1"),
        "{}",
        answer.text
    );
    for (accept, content_type) in [
        ("*/*", Supervisor::METRICS_CONTENT_TYPE),
        ("text/plain", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2",
            Supervisor::METRICS_CONTENT_TYPE,
        ),
    ] {
        let headers = [("accept", accept)];
        let answer = bed.send("GET", "/v1/metrics", &headers, Body::empty()).await;
        assert_eq!(answer.headers[header::CONTENT_TYPE], content_type, "{accept}");
        assert!(answer.text.ends_with("# EOF\n"), "{accept}");
    }
}

#[tokio::test]
async fn health_is_that_of_the_engine_too() {
    let bed = Bed::new().await;
    bed.installed("light").await;
    let answer = bed.get("/v1/health").await;
    assert_eq!(answer.good()["status"], "healthy");
    assert_eq!(answer.json["engine"]["name"], bed.supervisor.capabilities().name);
    assert_eq!(answer.json["phases"], json!({"stopped": 1}));
    bed.engine.set_unavailable(true);
    let answer = bed.get("/v1/health").await;
    assert_eq!(answer.refused(503), "engine");
    assert_eq!(answer.json["details"]["phases"], json!({"stopped": 1}));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_hangs_is_told_of_in_seconds() {
    let bed = Bed::new().await;
    bed.engine.hang_next(FakeOperation::Info);
    assert_eq!(bed.get("/v1/health").await.refused(503), "engine");
}

#[tokio::test]
async fn what_a_plugin_says_of_itself_is_shown_without_its_secrets() {
    let health = crate::model::run_policy::HealthPolicy {
        startup_deadline: Duration::from_millis(200),
        ..crate::model::run_policy::HealthPolicy::default()
    };
    let bed = Bed::with(|builder| builder.health_policy(health)).await;
    let light = bed.secretive().await;
    let says = SimulatedHealth::Failing("hunter2 does not fit".to_owned());
    bed.engine.set_health(light.id(), says);
    let mut events = bed.follow("/v1/events", &[]).await;
    let answer = bed.act("/v1/plugins/light/start").await;
    assert_eq!(answer.refused(502), "failed");
    let told = loop {
        let item = events.expect("event").await;
        if item.data["kind"] == "failed" {
            break item.data.to_string();
        }
    };
    let shown = bed.get("/v1/plugins/light").await.text;
    // All that the embedder itself is told too.
    let state = serde_json::to_string(&light.state()).unwrap();
    for text in [answer.text, told, shown, state] {
        assert!(text.contains("[REDACTED] does not fit"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn what_is_going_on_is_shown_while_it_does() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    let path = "/v1/plugins/light/activity";
    assert_eq!(
        *bed.get(path).await.good(),
        json!({"operation": null, "calls": []})
    );
    bed.engine.hang_next(FakeOperation::Create);
    let starting = tokio::spawn({
        let light = light.clone();
        async move { light.start().await }
    });
    let creating = light.wait_for(|state| {
        state
            .operation
            .is_some_and(|operation| operation.kind == crate::model::activity::OperationKind::Create)
    });
    tokio::time::timeout(DEADLINE, creating).await.unwrap().unwrap();
    let answer = bed.get(path).await;
    assert_eq!(answer.good()["operation"]["kind"], "create");
    assert_eq!(answer.json["calls"][0]["name"], "start");
    assert!(answer.json["calls"][0]["since"].as_str().unwrap().ends_with('Z'));
    let shown = bed.get("/v1/plugins/light").await;
    assert_eq!(shown.good()["state"]["operation"], answer.json["operation"]);
    starting.abort();
}

#[tokio::test]
async fn installations_that_are_under_way_are_listed() {
    let bed = Bed::new().await;
    let path = "/v1/installing";
    assert_eq!(*bed.get(path).await.good(), json!({"installing": []}));
    bed.engine.hang_next(FakeOperation::Image);
    let supervisor = bed.supervisor.clone();
    let installing = tokio::spawn(async move { supervisor.install(manifest("light", "")).await });
    let listed = async {
        loop {
            let answer = bed.get(path).await;
            if answer.good()["installing"] != json!([]) {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    let answer = tokio::time::timeout(DEADLINE, listed).await.unwrap();
    assert_eq!(answer.json["installing"][0]["plugin"], "light");
    installing.abort();
}
