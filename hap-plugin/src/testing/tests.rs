use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::*;

use crate::api::{Context, NoStatus, Plugin, Reply};
use crate::error::{Fault, Result};

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
enum Command {
    Count,
    Fail,
    Break,
    Leak(String),
    Wait,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Config {
    from: u64,
}

#[derive(Default)]
struct Counter(AtomicU64);

impl Plugin for Counter {
    type Config = Config;
    type Command = Command;
    type Status = NoStatus;

    async fn start(&self, cx: &Context) -> Result<()> {
        cx.emit("counter.started", &()).await?;
        Ok(())
    }

    async fn command(&self, cx: &Context, command: Command) -> Result<Reply> {
        match command {
            Command::Count => {
                let now = self.0.fetch_add(1, Ordering::Relaxed) + 1;
                cx.emit("counter.counted", &now).await?;
                Ok(Reply::text(now.to_string()).with_data("now", now))
            }
            Command::Wait => {
                tokio::time::sleep(Duration::from_secs(20)).await;
                Ok(Reply::text("waited"))
            }
            Command::Break => Ok(Reply::json("five".parse::<u8>()?)?),
            Command::Leak(text) => Err(Fault::internal(text)),
            Command::Fail => Err(Fault::rejected("no_mood", "not today")),
        }
    }

    async fn configure(&self, _: &Context, config: Config) -> Result<()> {
        self.0.store(config.from, Ordering::Relaxed);
        Ok(())
    }

    async fn stop(&self, cx: &Context) {
        let _ = cx.emit("counter.stopped", &()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_plugin_is_driven_through_its_real_routes() {
    let counter = TestPlugin::start(Counter::default()).await.unwrap();
    assert_eq!(
        counter.health().await.assert_success().pointer("/status"),
        "healthy"
    );
    counter.configure(json!({"from": 5})).await.assert_success();
    let reply = counter.command("count", ()).await.assert_success();
    assert_eq!(
        (reply.result(), reply.pointer("/data/now")),
        (&json!("6"), &json!(6))
    );
    counter.command("fail", ()).await.assert_error("no_mood");
    counter.command("cuont", ()).await.assert_error("unknown_command");
    counter
        .configure(json!({"from": "x"}))
        .await
        .assert_error("invalid_config");
    assert_eq!(counter.status().await.status(), StatusCode::OK);
    let platform = counter.platform().clone();
    counter.stop().await;
    let types: Vec<_> = platform.events().into_iter().map(|event| event.r#type).collect();
    assert_eq!(types, ["counter.started", "counter.counted", "counter.stopped"]);
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_is_away_for_an_hour_costs_no_event() {
    let counter = TestPlugin::start(Counter::default()).await.unwrap();
    counter.platform().event("counter.started").await;
    counter.platform().set_unreachable();
    for _ in 0..3 {
        counter.command("count", ()).await.assert_success();
    }
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(counter.platform().events().len(), 1);
    assert!(counter.platform().deliveries() > 3, "it was tried again");
    counter.platform().reset();
    let events = counter.platform().first_events(4).await;
    let counts: Vec<_> = events.iter().skip(1).map(|event| event.data.clone()).collect();
    assert_eq!(counts, [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_crash_loses_neither_settings_nor_events_where_there_is_a_data_directory() {
    let dir = tempfile::tempdir().unwrap();
    let platform = TestPlatform::new();
    let start = || {
        let builder = TestPlugin::builder().data_dir(dir.path()).platform(&platform);
        builder.start(Counter::default())
    };
    let counter = start().await.unwrap();
    counter.configure(json!({"from": 40})).await.assert_success();
    platform.respond_with(StatusCode::SERVICE_UNAVAILABLE);
    counter.command("count", ()).await.assert_success();
    drop(counter);
    platform.reset();
    let counter = start().await.unwrap();
    assert_eq!(platform.event("counter.counted").await.data, 41);
    assert_eq!(counter.command("count", ()).await.result(), "41");
}

#[tokio::test(start_paused = true)]
#[should_panic(
    expected = "no event of type \"counter.exploded\" came; what came: [\"counter.started\"] (asked for at hap-plugin/src/testing/tests.rs:"
)]
async fn waiting_in_vain_says_what_came_instead() {
    let counter = TestPlugin::start(Counter::default()).await.unwrap();
    counter.platform().event("counter.exploded").await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "it did not succeed: 422 Unprocessable Entity")]
async fn a_refusal_that_was_not_expected_fails_the_test_with_the_whole_answer() {
    let counter = TestPlugin::start(Counter::default()).await.unwrap();
    let _ = counter.command("fail", ()).await.assert_success();
}

#[tokio::test(start_paused = true)]
async fn a_test_sees_the_cause_that_a_caller_does_not() {
    let counter = TestPlugin::start(Counter::default()).await.unwrap();
    let reply = counter.command("break", ()).await.assert_error("internal");
    let cause = reply.cause().unwrap();
    let place = "(at hap-plugin/src/testing/tests.rs:";
    assert!(
        cause.starts_with(&format!("internal error: invalid digit found in string {place}")),
        "{cause}"
    );
    assert!(
        reply.to_string().ends_with(&format!("caused by: {cause}")),
        "{reply}"
    );
    assert!(!reply.text().contains("digit"), "{reply}");
    let refused = counter.command("fail", ()).await;
    assert_eq!(refused.cause(), None);
}

#[tokio::test(start_paused = true)]
async fn a_known_secret_is_not_in_the_cause_either() {
    let token = hap_manifest::ApiToken::from_bytes(&[7; 32]);
    let settings = crate::settings::Settings::new("counter".parse().unwrap()).with_api_token(token.clone());
    let builder = TestPlugin::builder().settings(settings);
    let counter = builder.start(Counter::default()).await.unwrap();
    let reply = counter.command("leak", token.expose()).await;
    let cause = reply.cause().unwrap();
    assert!(
        cause.contains("***") && !cause.contains(token.expose()),
        "{cause}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_restart_says_goodbye_and_a_crash_does_not() {
    let builder = TestPlugin::builder().temporary_data_dir();
    let counter = builder.start(Counter::default()).await.unwrap();
    counter.configure(json!({"from": 40})).await.assert_success();
    let counter = counter.crash_and_restart(Counter::default()).await.unwrap();
    assert_eq!(counter.command("count", ()).await.result(), "41");
    let counter = counter.restart(Counter::default()).await.unwrap();
    assert_eq!(counter.command("count", ()).await.result(), "41");
    let types: Vec<_> = counter
        .events()
        .await
        .into_iter()
        .map(|event| event.r#type)
        .collect();
    assert_eq!(
        types,
        [
            "counter.started",
            "counter.started",
            "counter.counted",
            "counter.stopped",
            "counter.started",
            "counter.counted"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_crash_drops_what_runs() {
    let counter = TestPlugin::start(Counter::default()).await.unwrap();
    let platform = counter.platform().clone();
    platform.event("counter.started").await;
    let router = counter.router();
    let running = tokio::spawn(async move {
        let body = json!({"command": "wait"}).to_string();
        let request = http::Request::post("/command")
            .body(axum::body::Body::from(body))
            .unwrap();
        tower::ServiceExt::oneshot(router, request)
            .await
            .unwrap()
            .status()
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    counter.crash().await;
    assert_eq!(running.await.unwrap(), StatusCode::SERVICE_UNAVAILABLE);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(platform.events().len(), 1, "nothing goes on after a crash");
}

#[tokio::test(start_paused = true)]
async fn what_is_acknowledged_and_not_heard_of_comes_again_and_counts_once() {
    let counter = TestPlugin::start(Counter::default()).await.unwrap();
    counter.platform().drop_responses();
    counter.command("count", ()).await.assert_success();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(counter.platform().repetitions() > 0);
    counter.platform().reset();
    assert_eq!(counter.events().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_slow_platform_delays_events_and_not_commands() {
    let counter = TestPlugin::start(Counter::default()).await.unwrap();
    counter.events().await;
    counter.platform().set_delay(Duration::from_secs(10));
    let begun = tokio::time::Instant::now();
    counter.command("count", ()).await.assert_success();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    counter.platform().event("counter.counted").await;
    assert!(begun.elapsed() >= Duration::from_secs(10));
    // Longer than a plugin waits for an answer.
    counter.platform().set_delay(Duration::from_secs(20));
    counter.command("count", ()).await.assert_success();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(counter.platform().events().len(), 2);
    counter.platform().reset();
    assert_eq!(counter.events().await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn events_of_a_type_are_handed_out_one_by_one() {
    let counter = TestPlugin::start(Counter::default()).await.unwrap();
    for _ in 0..3 {
        counter.command("count", ()).await.assert_success();
    }
    for expected in 1..=3 {
        assert_eq!(
            counter.platform().next_event("counter.counted").await.data,
            expected
        );
    }
    assert_eq!(counter.platform().event("counter.counted").await.data, 1);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "no event of type \"counter.started\" came after the first 1")]
async fn waiting_for_one_more_in_vain_says_how_many_there_were() {
    let counter = TestPlugin::start(Counter::default()).await.unwrap();
    for _ in 0..2 {
        counter.platform().next_event("counter.started").await;
    }
}

#[tokio::test(start_paused = true)]
#[should_panic(
    expected = "1 events wait for the platform, which acknowledged nothing (asked for at hap-plugin/src/testing/tests.rs:"
)]
async fn events_that_cannot_be_delivered_fail_the_test() {
    let platform = TestPlatform::new();
    platform.set_unreachable();
    let builder = TestPlugin::builder().platform(&platform);
    builder.start(Counter::default()).await.unwrap().events().await;
}

#[tokio::test(start_paused = true)]
async fn settings_may_come_as_a_host_sets_them_and_the_token_is_shown() {
    let token = hap_manifest::ApiToken::from_bytes(&[7; 32]);
    let settings =
        crate::settings::Settings::from_vars([("PLUGIN_ID", "counter"), ("HAP_CONFIG_FROM", "6")]).unwrap();
    let builder = TestPlugin::builder().settings(settings.with_api_token(token));
    let counter = builder.start(Counter::default()).await.unwrap();
    assert_eq!(counter.command("count", ()).await.result(), "7");
    let anonymous = http::Request::get("/status")
        .body(axum::body::Body::empty())
        .unwrap();
    counter.send(anonymous).await.assert_error("unauthorized");
}

#[tokio::test(start_paused = true)]
async fn routes_of_the_authors_own_are_tested_too() {
    let routes = axum::Router::new().route("/page", axum::routing::get(async || "hello"));
    let serve = crate::server::serve(Counter::default()).routes(routes);
    let counter = TestPlugin::builder().start_serve(serve).await.unwrap();
    assert_eq!(
        counter.request(http::Method::GET, "/page", None).await.text(),
        "hello"
    );
}

fn message_of(test: impl FnOnce() + std::panic::UnwindSafe) -> String {
    *std::panic::catch_unwind(test).unwrap_err().downcast().unwrap()
}

#[test]
fn schemas_that_changed_are_told_with_their_first_difference() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("schemas.json");
    let schemas = crate::server::Schemas::of::<Counter>().unwrap();
    std::fs::write(&file, schemas.parts().to_string()).unwrap();
    assert_schemas::<Counter>(&file);
    let mut other = schemas.parts();
    other["config"]["properties"]["from"]["minimum"] = json!(1);
    std::fs::write(&file, other.to_string()).unwrap();
    let message = message_of(|| assert_schemas::<Counter>(&file));
    for part in [
        "config /properties/from/minimum: 1 in the file, 0 in the program",
        "UPDATE_SCHEMAS=1 cargo test",
    ] {
        assert!(message.contains(part), "{part} in {message}");
    }
}

#[test]
fn a_file_that_is_not_there_is_told_with_what_writes_it() {
    let dir = tempfile::tempdir().unwrap();
    let schemas = dir.path().join("schemas.json");
    let message = message_of(|| assert_schemas::<Counter>(&schemas));
    let told = format!(
        "there is no {}; write it with UPDATE_SCHEMAS=1 cargo test",
        schemas.display()
    );
    assert_eq!(message, told);
    let manifest = dir.path().join("manifest.json");
    let message = message_of(|| drop(assert_manifest::<Counter>(&manifest)));
    for part in [
        "there is no /",
        "write one by hand",
        "only writes the schema of the settings",
    ] {
        assert!(message.contains(part), "{part} in {message}");
    }
}

#[test]
fn a_manifest_has_to_be_valid_and_to_fit_the_program() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("manifest.json");
    let manifest = json!({
        "id": "counter", "name": "Counter", "version": "1.0.0", "description": "counts", "author": "A",
        "image": "counter:1", "config_schema": crate::server::Schemas::of::<Counter>().unwrap().config(),
    });
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut manifest = manifest.clone();
        change(&mut manifest);
        std::fs::write(&file, format!("{manifest:#}")).unwrap();
    };
    with(&|_| {});
    assert_eq!(assert_manifest::<Counter>(&file).id().as_str(), "counter");
    for (change, told) in [
        (("memry_limit", json!("64m")), "memory_limit"),
        (
            ("config_schema", json!({})),
            "config_schema /$schema: nothing in the file",
        ),
        (
            ("status_endpoint", json!("/state")),
            "this plugin serves \"/status\"",
        ),
        (("id", json!("The Counter")), "The Counter"),
    ] {
        with(&|manifest| manifest[change.0] = change.1.clone());
        let message = message_of(|| drop(assert_manifest::<Counter>(&file)));
        assert!(message.contains(told), "{told} in {message}");
    }
}
