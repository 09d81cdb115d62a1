use super::*;

#[tokio::test]
async fn a_configuration_is_there_again_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let lamp = Running::start(settings().with_data_dir(dir.path())).await;
    let answer = lamp.post("/config", r#"{"level":40}"#).await;
    assert_eq!(
        answer.json,
        serde_json::json!({"success": true, "message": "Configuration updated"})
    );
    drop(lamp);

    let lamp = Running::assemble(settings().with_data_dir(dir.path())).await;
    assert_eq!(lamp.get("/health").await.json["status"], "starting");
    lamp.service.start().await.unwrap();
    assert_eq!(lamp.get("/health").await.json["status"], "healthy");
    assert_eq!(lamp.get("/status").await.json["data"]["level"], 40);
}

#[tokio::test]
async fn a_refused_configuration_leaves_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let lamp = Running::start(settings().with_data_dir(dir.path())).await;
    lamp.post("/config", r#"{"level":40}"#).await;
    lamp.post("/config", r#"{"level":101}"#)
        .await
        .check_refusal(422, "too_bright");
    let answer = lamp.post("/config", r#"{"level":"hunter2"}"#).await;
    answer.check_refusal(422, "invalid_config");
    assert_eq!(answer.json["details"]["path"], "level");
    assert!(!answer.text.contains("hunter2"));
    lamp.post("/config", "").await.check_refusal(400, "invalid_json");
    assert_eq!(
        std::fs::read_to_string(dir.path().join("config.json")).unwrap(),
        r#"{"level":40}"#
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    drop(lamp);
    let lamp = Running::start(settings().with_data_dir(dir.path())).await;
    assert_eq!(lamp.get("/status").await.json["data"]["level"], 40);
}

#[tokio::test(start_paused = true)]
async fn configurations_take_turns_and_do_not_pile_up() {
    let lamp = Running::start(settings()).await;
    let sent = (0..10).map(|level| {
        tokio::spawn(
            lamp.router
                .clone()
                .oneshot(post("/config", &format!(r#"{{"level":{level},"ms":1000}}"#))),
        )
    });
    let mut statuses = Vec::new();
    for answer in sent.collect::<Vec<_>>() {
        statuses.push(answer.await.unwrap().unwrap().status().as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 200, 429, 429]);
    assert_eq!(lamp.lamp.0.configs.lock().unwrap().len(), 8);
}

#[tokio::test]
async fn a_saved_configuration_that_no_longer_fits_makes_the_plugin_degraded() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config.json"), r#"{"levels":40}"#).unwrap();
    let lamp = Running::start(settings().with_data_dir(dir.path())).await;
    let health = lamp.get("/health").await;
    assert_eq!(
        (health.status.as_u16(), &health.json["status"]),
        (200, &Value::from("degraded"))
    );
    let message = health.json["message"].as_str().unwrap();
    let file = dir.path().join("config.json");
    for part in [
        "missing field `level`",
        file.to_str().unwrap(),
        "POST /config with a whole new one repairs it",
    ] {
        assert!(message.contains(part), "{part} in {message}");
    }

    lamp.post("/config", r#"{"level":1}"#).await;
    assert_eq!(lamp.get("/health").await.json["status"], "healthy");
}

#[tokio::test(start_paused = true)]
async fn a_configuration_takes_effect_even_if_its_caller_hangs_up() {
    let dir = tempfile::tempdir().unwrap();
    let lamp = Running::start(settings().with_data_dir(dir.path())).await;
    let request = lamp
        .router
        .clone()
        .oneshot(post("/config", r#"{"level":5,"ms":1000}"#));
    assert!(
        tokio::time::timeout(Duration::from_millis(500), request)
            .await
            .is_err()
    );
    lamp.service.stop(true).await;
    assert_eq!(
        std::fs::read_to_string(dir.path().join("config.json")).unwrap(),
        r#"{"level":5,"ms":1000}"#
    );
}

#[tokio::test]
async fn a_saved_configuration_that_is_damaged_is_called_a_file_and_can_be_repaired() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.json");
    for (content, why) in [
        (&b"{\"level\":"[..], "the file is not JSON: "),
        (b"", "the file is empty, and not JSON"),
        (b"{\"level\":101}", "the level is at most 100"),
    ] {
        std::fs::write(&file, content).unwrap();
        let lamp = Running::start(settings().with_data_dir(dir.path())).await;
        let health = lamp.get("/health").await;
        let message = health.json["message"].as_str().unwrap();
        for part in [why, file.to_str().unwrap(), "POST /config"] {
            assert!(message.contains(part), "{part} in {message}");
        }
        assert!(!message.contains("body"), "{message}");
        lamp.post("/config", r#"{"level":1}"#).await;
        assert_eq!(lamp.get("/health").await.json["status"], "healthy");
    }
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let lamp = Running::start(settings().with_data_dir(dir.path())).await;
    let health = lamp.get("/health").await;
    let message = health.json["message"].as_str().unwrap();
    assert!(message.contains("it cannot be read: "), "{message}");
}
