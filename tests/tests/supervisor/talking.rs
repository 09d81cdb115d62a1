//! Calls to a plugin that is served for real, while its container is pretended.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Json, Router, http::HeaderMap, routing::post};
use hap_host::{ConfigState, ErrorKind, PluginHandle, Supervisor, engine::FakeEngine};
use hap_manifest::wire::CommandRequest;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::{manifest, supervisor, until};

async fn serve(engine: &FakeEngine, plugin: &PluginHandle, router: Router) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    engine.set_address(plugin.id(), listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
}

#[tokio::test]
async fn calls_over_the_bound_are_refused_at_once_and_another_plugin_does_not_notice() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let builder =
        Supervisor::builder(engine.clone(), state.path()).parallel_calls(NonZeroUsize::new(2).unwrap());
    let supervisor = builder.start().await.unwrap();
    let (slow, quick) = (
        supervisor.install(manifest("slow")).await.unwrap(),
        supervisor.install(manifest("quick")).await.unwrap(),
    );
    let (release, arrived) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let waiting = {
        let (release, arrived) = (Arc::clone(&release), Arc::clone(&arrived));
        async move || {
            arrived.add_permits(1);
            release.acquire().await.unwrap().forget();
            r#"{"success":true,"result":"late"}"#
        }
    };
    serve(&engine, &slow, Router::new().route("/command", post(waiting))).await;
    let at_once = async || r#"{"success":true,"result":"at once"}"#;
    serve(&engine, &quick, Router::new().route("/command", post(at_once))).await;
    slow.start().await.unwrap();
    quick.start().await.unwrap();

    let held: Vec<_> = (0..2)
        .map(|_| {
            let slow = slow.clone();
            tokio::spawn(async move { slow.command("wait", json!({})).await })
        })
        .collect();
    arrived.acquire_many(2).await.unwrap().forget();
    let refused = slow.command("wait", json!({})).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Busy);
    assert_eq!(slow.status().await.unwrap_err().kind(), ErrorKind::Busy);
    quick.command("go", json!({})).await.unwrap();
    release.add_permits(16);
    for call in held {
        call.await.unwrap().unwrap();
    }
    slow.command("wait", json!({})).await.unwrap();
}

#[tokio::test]
async fn kept_settings_reach_every_run_of_the_plugin_and_the_state_tells_how_far_they_are() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    let taken: Arc<Mutex<Vec<Value>>> = Arc::default();
    let take = {
        let taken = Arc::clone(&taken);
        async move |Json(settings): Json<Value>| {
            taken.lock().unwrap().push(settings);
            r#"{"success":true,"message":"ok"}"#
        }
    };
    serve(&engine, &light, Router::new().route("/config", post(take))).await;
    assert_eq!(light.state().config, ConfigState::None);
    light.configure(json!({"level": 3})).await.unwrap_err();
    assert!(matches!(light.state().config, ConfigState::Pending { .. }));
    light.start().await.unwrap();
    until(&light, |state| state.config == ConfigState::Delivered).await;
    light.configure(json!({"level": 4})).await.unwrap();
    assert_eq!(light.state().config, ConfigState::Delivered);
    light.stop().await.unwrap();
    assert!(matches!(light.state().config, ConfigState::Pending { .. }));
    light.start().await.unwrap();
    until(&light, |state| state.config == ConfigState::Delivered).await;
    let levels: Vec<_> = taken
        .lock()
        .unwrap()
        .iter()
        .map(|settings| settings["level"].clone())
        .collect();
    assert_eq!(levels, [3, 4, 4]);
}

#[tokio::test]
async fn a_command_carries_what_the_caller_says_about_it() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    let echo = async |headers: HeaderMap| {
        let names = ["idempotency-key", "x-request-id"];
        let told = names.map(|name| headers.get(name).unwrap().to_str().unwrap().to_owned());
        json!({"success": true, "result": told}).to_string()
    };
    serve(&engine, &light, Router::new().route("/command", post(echo))).await;
    light.start().await.unwrap();
    let call = light
        .command("go", ())
        .idempotency_key("key-1")
        .request_id("id-1");
    let answer = call.await.unwrap();
    assert_eq!(answer.result, json!(["key-1", "id-1"]));
}

#[tokio::test]
async fn commands_answers_and_status_may_be_types_of_the_callers() {
    #[derive(serde::Serialize)]
    #[serde(tag = "command", content = "params", rename_all = "snake_case")]
    enum Command {
        TurnOn,
        SetLevel { level: u8 },
    }
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Told {
        level: u8,
    }

    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    let echo = async |Json(sent): Json<Value>| {
        let result = if sent["command"] == "turn_on" {
            &sent
        } else {
            &sent["params"]
        };
        json!({"success": true, "result": result}).to_string()
    };
    let status = async || r#"{"plugin_id":"light","status":"running","data":{"level":40}}"#;
    let router = Router::new()
        .route("/command", post(echo))
        .route("/status", axum::routing::get(status));
    serve(&engine, &light, router).await;
    light.start().await.unwrap();

    let sent = light.command_typed(Command::TurnOn).await.unwrap().result;
    assert_eq!(sent["command"], "turn_on");
    let level = light.command_typed(Command::SetLevel { level: 40 });
    let told: Told = level.timeout(Duration::from_secs(20)).result_as().await.unwrap();
    assert_eq!(told, Told { level: 40 });
    assert_eq!(light.status().data_as::<Told>().await.unwrap(), told);
    let odd = light.command_typed(Command::TurnOn).result_as::<Told>();
    let odd = odd.await.unwrap_err();
    assert_eq!(odd.kind(), ErrorKind::InvalidReply);
    assert!(odd.to_string().contains("missing field `level`"), "{odd}");
    let none = light.command_typed(json!({"turn_on": 1})).await.unwrap_err();
    assert_eq!(none.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn each_kind_of_call_ends_at_its_own_deadline() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    let never = std::future::pending::<&'static str>;
    let router = Router::new()
        .route("/command", post(never))
        .route("/config", post(never))
        .route("/status", axum::routing::get(never));
    serve(&engine, &light, router).await;
    light.start().await.unwrap();
    let soon = Duration::from_millis(50);
    let ended = [
        light
            .command_typed(CommandRequest::new("go"))
            .timeout(soon)
            .await
            .err(),
        light.configure(json!({"level": 3})).timeout(soon).await.err(),
        light.status().timeout(soon).await.err(),
    ];
    for error in ended {
        assert_eq!(error.unwrap().kind(), ErrorKind::Timeout);
    }
}
