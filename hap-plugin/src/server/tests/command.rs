use hap_manifest::wire::CommandRequest;
use serde_json::json;

use super::*;

use crate::api::NoStatus;
use crate::config::NoConfig;

#[tokio::test]
async fn every_caller_shape_of_a_command_is_understood() {
    let lamp = Running::start(settings()).await;
    for body in [
        r#"{"command":"ping"}"#,
        r#"{"command":"ping","params":null}"#,
        r#"{"command":"ping","params":{}}"#,
        r#"{"params":{},"command":"ping","from":"an old host"}"#,
    ] {
        lamp.command(body).await.check_ok("pong");
    }
    for (params, level) in [
        ("", 0),
        (r#","params":{}"#, 0),
        (r#","params":null"#, 0),
        (r#","params":{"level":40}"#, 40),
    ] {
        let answer = lamp.command(&format!(r#"{{"command":"dim"{params}}}"#)).await;
        answer.check_ok("dimmed");
        assert_eq!(answer.json["data"], json!({ "level": level }));
    }
}

#[tokio::test]
async fn an_unknown_command_is_answered_with_those_that_exist() {
    let lamp = Running::start(settings()).await;
    let answer = lamp.command(r#"{"command":"fly"}"#).await;
    answer.check_refusal(404, "unknown_command");
    let known = answer.json["details"]["known"].as_array().unwrap();
    assert_eq!(known.len(), 8);
    assert!(answer.json["error"].as_str().unwrap().contains("ping, dim"));
}

#[tokio::test]
async fn bad_parameters_are_told_with_their_path() {
    let lamp = Running::start(settings()).await;
    for (params, path) in [
        (r#"{"level":"high"}"#, "params.level"),
        (r#"{"level":300}"#, "params.level"),
        (
            r#"{"scenes":[{"room":"hall"},{"room":7}]}"#,
            "params.scenes[1].room",
        ),
    ] {
        let answer = lamp
            .command(&format!(r#"{{"command":"dim","params":{params}}}"#))
            .await;
        answer.check_refusal(422, "invalid_params");
        assert_eq!(answer.json["details"]["path"], path);
    }
}

#[tokio::test]
async fn what_is_no_command_is_refused_in_the_one_shape() {
    let lamp = Running::start(settings().with_max_body(100)).await;
    lamp.command("").await.check_refusal(400, "invalid_json");
    lamp.command("{").await.check_refusal(400, "invalid_json");
    lamp.command("[]").await.check_refusal(422, "invalid_command");
    lamp.command("{}").await.check_refusal(422, "invalid_command");
    lamp.command(r#"{"command":7}"#)
        .await
        .check_refusal(422, "invalid_command");
    lamp.command(&"x".repeat(101))
        .await
        .check_refusal(413, "body_too_long");
    lamp.get("/command")
        .await
        .check_refusal(405, "method_not_allowed");
    lamp.get("/commands").await.check_refusal(404, "not_found");

    let mut request = post("/command", r#"{"command":"ping"}"#);
    request
        .headers_mut()
        .insert("content-type", "text/plain".parse().unwrap());
    lamp.send(request)
        .await
        .check_refusal(415, "unsupported_media_type");
    let mut request = post("/command", r#"{"command":"ping"}"#);
    request.headers_mut().remove("content-type");
    lamp.send(request).await.check_ok("pong");
    assert_eq!(lamp.get("/command").await.headers["allow"], "POST");
}

#[tokio::test]
async fn deep_nesting_is_refused_and_not_followed() {
    let lamp = Running::start(settings()).await;
    let body = format!(
        r#"{{"command":"ping","params":{}{}}}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    lamp.command(&body).await.check_refusal(400, "invalid_json");
}

#[tokio::test]
async fn a_body_without_an_announced_length_is_bounded_too() {
    let lamp = Running::start(settings().with_max_body(100)).await;
    let chunks = (0..20).map(|_| Ok::<_, std::io::Error>("0123456789"));
    let body = Body::from_stream(futures_util::stream::iter(chunks));
    let request = Request::post("/command").body(body).unwrap();
    lamp.send(request).await.check_refusal(413, "body_too_long");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_given_up() {
    let lamp = Running::start(settings()).await;
    let body = Body::from_stream(futures_util::stream::pending::<Result<&str, std::io::Error>>());
    lamp.send(Request::post("/command").body(body).unwrap())
        .await
        .check_refusal(408, "body_too_slow");
}

#[tokio::test]
async fn a_refusal_reaches_the_caller_and_a_cause_does_not() {
    let lamp = Running::start(settings()).await;
    let answer = lamp.command(r#"{"command":"refuse"}"#).await;
    answer.check_refusal(409, "no_bulb");
    assert_eq!(answer.json["error"], "there is no bulb");

    let answer = lamp.command(r#"{"command":"break"}"#).await;
    answer.check_refusal(500, "internal");
    assert!(answer.json["details"]["error_id"].is_string());
    assert!(!answer.text.contains("digit"), "{}", answer.text);
}

#[tokio::test]
async fn a_panic_fails_one_command_and_not_the_plugin() {
    let lamp = Running::start(settings()).await;
    let answer = lamp.command(r#"{"command":"panic"}"#).await;
    answer.check_refusal(500, "panicked");
    assert_eq!(answer.json["details"]["error_id"].as_str().unwrap().len(), 32);
    assert!(!answer.text.contains("exploded"), "{}", answer.text);
    lamp.command(r#"{"command":"ping"}"#).await.check_ok("pong");
    assert!(
        lamp.get("/metrics")
            .await
            .text
            .contains("hap_commands_total{outcome=\"panic\"} 1")
    );
}

#[tokio::test(start_paused = true)]
async fn a_command_has_thirty_seconds() {
    let lamp = Running::start(settings()).await;
    lamp.command(r#"{"command":"wait","params":{"ms":29999}}"#)
        .await
        .check_ok("waited");
    lamp.command(r#"{"command":"wait","params":{"ms":30001}}"#)
        .await
        .check_refusal(504, "timeout");
    assert!(
        lamp.get("/metrics")
            .await
            .text
            .contains("hap_commands_total{outcome=\"timeout\"} 1")
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_may_tell_how_long_it_waits() {
    let lamp = Running::start(settings()).await;
    let within = |body: &str, ms: &str| {
        let mut request = post("/command", body);
        request
            .headers_mut()
            .insert("x-request-timeout-ms", ms.parse().unwrap());
        request
    };
    let wait = r#"{"command":"wait","params":{"ms":1000}}"#;
    lamp.send(within(wait, "999")).await.check_refusal(504, "timeout");
    lamp.send(within(wait, "1001")).await.check_ok("waited");
    lamp.send(within(wait, "0")).await.check_refusal(504, "timeout");
    for (ms, left) in [("1500", 1500), ("3600000", 30_000), ("soon", 30_000)] {
        let answer = lamp.send(within(r#"{"command":"request"}"#, ms)).await;
        assert_eq!(answer.json["result"]["time_left_ms"], left, "{ms}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_goes_on_when_its_caller_hangs_up() {
    let lamp = Running::start(settings()).await;
    let request = lamp
        .router
        .clone()
        .oneshot(post("/command", r#"{"command":"wait","params":{"ms":1000}}"#));
    assert!(
        tokio::time::timeout(Duration::from_millis(500), request)
            .await
            .is_err()
    );
    assert!(
        lamp.get("/metrics")
            .await
            .text
            .contains("hap_commands_in_flight 1")
    );
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(lamp.lamp.0.finished.load(Ordering::SeqCst), 1);
    assert!(
        lamp.get("/metrics")
            .await
            .text
            .contains("hap_commands_in_flight 0")
    );
}

#[tokio::test]
async fn too_many_commands_at_a_time_are_told_to_come_back() {
    let lamp = Running::start(settings().with_max_concurrent_commands(1)).await;
    let first = tokio::spawn(
        lamp.router
            .clone()
            .oneshot(post("/command", r#"{"command":"until_go"}"#)),
    );
    lamp.lamp.0.started.notified().await;
    let answer = lamp.command(r#"{"command":"ping"}"#).await;
    answer.check_refusal(429, "busy");
    assert_eq!(answer.headers["retry-after"], "1");
    // Health and status do not stand in that queue.
    assert_eq!(lamp.get("/health").await.status, 200);
    assert_eq!(lamp.get("/status").await.status, 200);
    lamp.lamp.0.go.notify_one();
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    lamp.command(r#"{"command":"ping"}"#).await.check_ok("pong");
}

/// A plugin whose commands are not known in advance.
struct Echo;

impl Plugin for Echo {
    type Config = NoConfig;
    type Command = CommandRequest;
    type Status = NoStatus;

    async fn command(&self, _: &Context, command: CommandRequest) -> Result<Reply> {
        Reply::json(command)
    }
}

#[tokio::test]
async fn a_plugin_may_take_any_command() {
    let router = crate::server::serve::into_router(Echo, settings()).await.unwrap();
    let response = router
        .oneshot(post("/command", r#"{"command":"x","params":{"a":1},"more":2}"#))
        .await
        .unwrap();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        answer["result"],
        json!({"command": "x", "params": {"a": 1}, "more": 2})
    );
}

#[derive(Deserialize, JsonSchema)]
enum Untagged {
    On,
    Off,
}

struct Forgot;

impl Plugin for Forgot {
    type Config = NoConfig;
    type Command = Untagged;
    type Status = NoStatus;

    async fn command(&self, _: &Context, _: Untagged) -> Result<Reply> {
        Ok(Reply::text("never"))
    }
}

#[tokio::test]
async fn a_forgotten_attribute_is_told_at_start() {
    let error = crate::server::serve::into_router(Forgot, settings())
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains(r#"#[serde(tag = "command", content = "params""#),
        "{error}"
    );
    assert_eq!(error.exit_code(), 78);
}

#[derive(Deserialize, JsonSchema)]
#[serde(
    tag = "command",
    content = "params",
    rename_all = "snake_case",
    deny_unknown_fields
)]
enum Strict {
    TaskEnds,
    Dim {
        #[serde(default)]
        level: u8,
    },
    Paint(Scene),
}

struct Careful;

impl Plugin for Careful {
    type Config = NoConfig;
    type Command = Strict;
    type Status = NoStatus;

    async fn command(&self, _: &Context, command: Strict) -> Result<Reply> {
        Ok(match command {
            Strict::TaskEnds => Reply::text("ended"),
            Strict::Dim { level } => Reply::text(format!("at {level}")),
            Strict::Paint(Scene { .. }) => Reply::text("painted"),
        })
    }
}

#[tokio::test]
async fn an_enum_that_denies_unknown_fields_refuses_misspelt_parameters_and_nothing_else() {
    let router = crate::server::serve::into_router(Careful, settings())
        .await
        .unwrap();
    let ask =
        async |body: &str| Answer::of(router.clone().oneshot(post("/command", body)).await.unwrap()).await;
    for (body, result) in [
        (r#"{"command":"dim","params":{"level":7}}"#, "at 7"),
        (r#"{"command":"dim","params":null}"#, "at 0"),
        (r#"{"command":"dim"}"#, "at 0"),
        (
            r#"{"params":{"level":7},"command":"dim","from":"an old host"}"#,
            "at 7",
        ),
        (r#"{"command":"task_ends"}"#, "ended"),
        (r#"{"command":"task_ends","params":{}}"#, "ended"),
        (r#"{"command":"task_ends","from":"an old host"}"#, "ended"),
        // A struct within has to deny them itself.
        (
            r#"{"command":"paint","params":{"room":"hall","colour":1}}"#,
            "painted",
        ),
    ] {
        ask(body).await.check_ok(result);
    }
    for (params, path, message) in [
        (
            r#""dim","params":{"lvl":7}"#,
            "params.lvl",
            "bad parameters of command \"dim\" at `params`: unknown field `lvl`, expected `level`",
        ),
        (
            r#""task_ends","params":{"after":7}"#,
            "params",
            "bad parameters of command \"task_ends\" at `params`: expected nothing, found an object",
        ),
        (
            r#""dim","params":[]"#,
            "params",
            "bad parameters of command \"dim\" at `params`: expected an object, found a list",
        ),
        (
            r#""paint","params":{}"#,
            "params.room",
            "bad parameters of command \"paint\" at `params`: missing field `room`",
        ),
    ] {
        let answer = ask(&format!(r#"{{"command":{params}}}"#)).await;
        answer.check_refusal(422, "invalid_params");
        assert_eq!(
            (&answer.json["details"]["path"], &answer.json["error"]),
            (&json!(path), &json!(message))
        );
    }
}
