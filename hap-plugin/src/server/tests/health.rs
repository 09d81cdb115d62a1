use super::*;

#[tokio::test]
async fn health_follows_the_life_of_the_plugin() {
    let lamp = Running::assemble(settings()).await;
    let starting = lamp.get("/health").await;
    assert_eq!(
        (starting.status.as_u16(), &starting.json["status"]),
        (503, &Value::from("starting"))
    );
    let early = lamp.command(r#"{"command":"ping"}"#).await;
    early.check_refusal(503, "starting");
    assert_eq!(early.headers["retry-after"], "1");

    lamp.service.start().await.unwrap();
    let healthy = lamp.get("/health").await;
    assert_eq!(healthy.text, r#"{"status":"healthy","plugin_id":"lamp"}"#);

    lamp.service.begin_stop();
    let stopping = lamp.get("/health").await;
    assert_eq!(
        (stopping.status.as_u16(), &stopping.json["status"]),
        (503, &Value::from("stopping"))
    );
    let late = lamp.command(r#"{"command":"ping"}"#).await;
    late.check_refusal(503, "stopping");
    assert_eq!(late.headers["retry-after"], "5");
    lamp.post("/config", r#"{"level":1}"#)
        .await
        .check_refusal(503, "stopping");
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_one() {
    let lamp = Running::start(settings()).await;
    for (path, allowed) in [
        ("/health", "GET,HEAD"),
        ("/status", "GET,HEAD"),
        ("/command", "POST"),
    ] {
        let request = Request::put(path).body(Body::empty()).unwrap();
        let answer = lamp.send(request).await;
        answer.check_refusal(405, "method_not_allowed");
        assert_eq!(answer.headers["allow"], allowed, "{path}");
    }
    let head = Request::head("/health").body(Body::empty()).unwrap();
    let answer = lamp.send(head).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
}

#[tokio::test]
async fn the_plugin_tells_how_it_is() {
    let lamp = Running::start(settings()).await;
    for (unwell, status, word) in [(1, 200, "degraded"), (2, 503, "unhealthy"), (3, 503, "unhealthy")] {
        lamp.lamp.0.unwell.store(unwell, Ordering::SeqCst);
        let answer = lamp.get("/health").await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json["status"]),
            (status, &Value::from(word))
        );
        assert!(answer.json["message"].is_string());
    }
}

#[tokio::test]
async fn health_answers_while_a_command_runs() {
    let lamp = Running::start(settings()).await;
    let _running = tokio::spawn(
        lamp.router
            .clone()
            .oneshot(post("/command", r#"{"command":"until_go"}"#)),
    );
    lamp.lamp.0.started.notified().await;
    assert_eq!(lamp.get("/health").await.status, 200);
}

#[tokio::test]
async fn a_background_task_that_dies_turns_the_plugin_unhealthy_by_name() {
    let lamp = Running::start(settings()).await;
    lamp.service.cx.spawn("steady", std::future::pending());
    lamp.service.cx.spawn("poll", async { panic!("no bus") });
    let health = loop {
        let health = lamp.get("/health").await;
        if health.status != 200 {
            break health;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(
        (health.status.as_u16(), &health.json["status"]),
        (503, &Value::from("unhealthy"))
    );
    assert_eq!(health.json["message"], "background task \"poll\" panicked");
}
