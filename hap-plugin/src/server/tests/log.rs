//! What the log tells of what was refused or failed.

use serde_json::json;

use super::*;

use crate::telemetry::Capture;

/// The lines that were written while these requests were answered.
async fn lines_of(requests: Vec<Request<Body>>) -> Vec<Value> {
    let capture = Capture::default();
    let settings = settings();
    let _log = tracing::subscriber::set_default(capture.subscriber(&settings.redactor));
    let lamp = Running::start(settings).await;
    for request in requests {
        lamp.send(request).await;
    }
    capture.lines()
}

#[tokio::test]
async fn a_refused_command_is_told_with_what_is_wrong_and_without_what_was_sent() {
    let command = |name: &str, params: Value| {
        let body = json!({"command": name, "params": params}).to_string();
        post("/command", &body)
    };
    for (request, code, name, path, reason) in [
        (
            command("dim", json!({"level": "hunter2"})),
            "invalid_params",
            json!("dim"),
            json!("params.level"),
            json!("expected a whole number from 0 to 255, found a string"),
        ),
        (
            command("dim", json!({"level": 271_828})),
            "invalid_params",
            json!("dim"),
            json!("params.level"),
            json!("expected a whole number from 0 to 255, found a whole number"),
        ),
        (
            command("wait", json!({})),
            "invalid_params",
            json!("wait"),
            json!("params.ms"),
            json!("missing field `ms`"),
        ),
        (
            command("fly", json!({})),
            "unknown_command",
            json!("fly"),
            json!(null),
            json!(null),
        ),
        (
            command("my password is hunter2", json!({})),
            "unknown_command",
            json!(null),
            json!(null),
            json!(null),
        ),
        (
            post("/command", r#"{"command": ["hunter2"]}"#),
            "invalid_command",
            json!(null),
            json!("command"),
            json!("expected a string, found a list"),
        ),
        (
            post("/command", "hunter2"),
            "invalid_json",
            json!(null),
            json!(null),
            json!("expected value at line 1 column 1"),
        ),
    ] {
        let lines = lines_of(vec![request]).await;
        let line = lines
            .iter()
            .find(|line| line["message"] == "command refused")
            .unwrap();
        assert_eq!(line["code"], code, "{line}");
        assert_eq!(
            [&line["command"], &line["path"], &line["reason"]],
            [&name, &path, &reason]
        );
        let all = Value::from(lines).to_string();
        assert!(!all.contains("hunter2") && !all.contains("271828"), "{all}");
    }
}

#[tokio::test]
async fn a_refused_configuration_is_told_with_what_is_wrong_and_without_what_was_sent() {
    for (body, code, path, reason) in [
        (
            r#"{"level": "hunter2"}"#,
            "invalid_config",
            json!("level"),
            json!("expected a whole number from 0 to 255, found a string"),
        ),
        (
            "[5]",
            "invalid_config",
            json!("."),
            json!("the configuration is a JSON object"),
        ),
        (r#"{"level": 101}"#, "too_bright", json!("level"), json!(null)),
        (
            "hunter2",
            "invalid_json",
            json!(null),
            json!("expected value at line 1 column 1"),
        ),
    ] {
        let lines = lines_of(vec![post("/config", body)]).await;
        let refused: Vec<_> = lines
            .iter()
            .filter(|line| line["message"] == "configuration refused")
            .collect();
        let [line] = &refused[..] else { panic!("{lines:?}") };
        assert_eq!(line["code"], code, "{line}");
        assert_eq!([&line["path"], &line["reason"]], [&path, &reason], "{line}");
        assert!(!line.to_string().contains("hunter2"), "{line}");
    }
}

#[tokio::test]
async fn a_question_mark_that_fails_is_told_with_its_line() {
    let lines = lines_of(vec![post("/command", r#"{"command":"break"}"#)]).await;
    let line = lines.iter().find(|line| line["error_id"].is_string()).unwrap();
    let place = line["place"].as_str().unwrap();
    // Where the command of these tests fails.
    assert!(place.starts_with("hap-plugin/src/server/tests/mod.rs:"), "{line}");
    let written: usize = place.split(':').nth(1).unwrap().parse().unwrap();
    let code = include_str!("mod.rs").lines().nth(written - 1).unwrap();
    assert!(code.contains("Command::Break"), "{code}");
}
