use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::*;
use crate::{Context, Fault, NoStatus, Plugin, Reply, Result};

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
enum Command {
    Count,
    Fail,
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

    async fn start(&self, cx: Context) -> Result<()> {
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
    assert_eq!(counter.health().await.succeeded().at("/status"), "healthy");
    counter.configure(json!({"from": 5})).await.succeeded();
    let reply = counter.command("count", ()).await.succeeded();
    assert_eq!((reply.result(), reply.at("/data/now")), (&json!("6"), &json!(6)));
    counter.command("fail", ()).await.refused_with("no_mood");
    counter.command("cuont", ()).await.refused_with("unknown_command");
    counter
        .configure(json!({"from": "x"}))
        .await
        .refused_with("invalid_config");
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
    counter.platform().goes_away();
    for _ in 0..3 {
        counter.command("count", ()).await.succeeded();
    }
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(counter.platform().events().len(), 1);
    assert!(counter.platform().deliveries() > 3, "it was tried again");
    counter.platform().comes_back();
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
    counter.configure(json!({"from": 40})).await.succeeded();
    platform.answers(StatusCode::SERVICE_UNAVAILABLE);
    counter.command("count", ()).await.succeeded();
    drop(counter);
    platform.comes_back();
    let counter = start().await.unwrap();
    assert_eq!(platform.event("counter.counted").await.data, 41);
    assert_eq!(counter.command("count", ()).await.result(), "41");
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "no event of type \"counter.exploded\" came; what came: [\"counter.started\"]")]
async fn waiting_in_vain_says_what_came_instead() {
    let counter = TestPlugin::start(Counter::default()).await.unwrap();
    counter.platform().event("counter.exploded").await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "it did not succeed: 422 Unprocessable Entity")]
async fn a_refusal_that_was_not_expected_fails_the_test_with_the_whole_answer() {
    let counter = TestPlugin::start(Counter::default()).await.unwrap();
    let _ = counter.command("fail", ()).await.succeeded();
}

#[test]
fn schemas_that_changed_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("schemas.json");
    let schemas = crate::schemas::Schemas::of::<Counter>().unwrap();
    std::fs::write(&file, schemas.parts().to_string()).unwrap();
    assert_schemas::<Counter>(&file);
    let mut other = schemas.parts();
    other["config"] = json!(null);
    std::fs::write(&file, other.to_string()).unwrap();
    let failed = std::panic::catch_unwind(|| assert_schemas::<Counter>(&file)).unwrap_err();
    let message = failed.downcast_ref::<String>().unwrap();
    assert!(message.contains("have changed: config."), "{message}");
}
