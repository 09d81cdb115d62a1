//! Keys that are rotated under a running plugin, and settings that are secret.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, http::HeaderMap, routing::get};
use hap_host::{
    ErrorKind, EventKind, HealthPolicy, Phase, PluginHandle, ShutdownMode, StreamItem, Supervisor,
    engine::{Exit, FakeEngine, FakeOperation, SimulatedHealth},
};
use hap_manifest::env;
use serde_json::json;

use crate::{DEADLINE, manifest, manifest_with, supervisor, until};

/// Serves a plugin whose status is the token that it was called with.
async fn telling_its_caller() -> SocketAddr {
    let status = async |headers: HeaderMap| {
        let token = headers.get("authorization").unwrap().to_str().unwrap().to_owned();
        json!({"plugin_id": "light", "status": token, "data": {}}).to_string()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/status", get(status));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn secret(engine: &FakeEngine, plugin: &PluginHandle, name: &str) -> String {
    let spec = engine.spec(plugin.id()).unwrap();
    let var = spec.env.iter().find(|var| var.name() == name).unwrap();
    var.expose_value().to_owned()
}

fn token(engine: &FakeEngine, plugin: &PluginHandle) -> String {
    secret(engine, plugin, env::HAP_API_TOKEN)
}

/// The token that the host calls the plugin with. The host would not print it.
async fn calls_with(plugin: &PluginHandle, token: &str) -> bool {
    plugin.status().await.unwrap().status == format!("Bearer {token}")
}

/// What the listener answers to an event with this token.
async fn posted(port: u16, token: &str) -> u16 {
    let url = format!("http://127.0.0.1:{port}/plugins/light/api/v1/events");
    let sent = reqwest::Client::new().post(url).bearer_auth(token);
    let sent = sent.body(r#"{"type":"motion"}"#).send().await.unwrap();
    sent.status().as_u16()
}

#[tokio::test]
async fn a_rotation_replaces_the_container_and_its_keys_and_then_the_old_ones_are_worthless() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    engine.set_address(light.id(), telling_its_caller().await);
    light.start().await.unwrap();
    let (old, container) = (token(&engine, &light), light.state().container);
    let old_secret = secret(&engine, &light, env::HAP_WEBHOOK_SECRET);
    assert!(calls_with(&light, &old).await);

    light.rotate_secrets().await.unwrap();
    let new = token(&engine, &light);
    assert_ne!(old, new);
    assert_ne!(old_secret, secret(&engine, &light, env::HAP_WEBHOOK_SECRET));
    assert_ne!(container, light.state().container);
    assert!(calls_with(&light, &new).await);
    let port = supervisor.events_port();
    assert_eq!((posted(port, &old).await, posted(port, &new).await), (401, 202));
    assert_eq!(engine.containers().len(), 1);
    assert_eq!(
        light.state().restarts,
        0,
        "a rotation is no failure that was mended"
    );
}

#[tokio::test]
async fn both_pairs_are_good_while_the_container_is_replaced() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    engine.set_address(light.id(), telling_its_caller().await);
    light.start().await.unwrap();
    let old = token(&engine, &light);

    // The old container takes long to stop, and still sends what it has.
    engine.hang_next(FakeOperation::Stop);
    let rotation = tokio::spawn({
        let light = light.clone();
        async move { light.rotate_secrets().await }
    });
    until(&light, |state| state.phase == Phase::Stopping).await;
    assert_eq!(posted(supervisor.events_port(), &old).await, 202);
    assert!(
        calls_with(&light, &old).await,
        "the container that runs has the old token"
    );
    rotation.abort();

    // The host is killed in the middle, and the next one has both pairs too.
    supervisor.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop((supervisor, light));
    engine.hang_next(FakeOperation::Stop);
    let supervisor = crate::supervisor(&engine, state.path()).await;
    let light = supervisor.plugin(manifest("light").id()).unwrap();
    assert_eq!(posted(supervisor.events_port(), &old).await, 202);
    until(&light, |state| state.phase == Phase::Stopping).await;
    supervisor.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop((supervisor, light));

    // It goes on to the end.
    let supervisor = crate::supervisor(&engine, state.path()).await;
    let light = supervisor.plugin(manifest("light").id()).unwrap();
    until(&light, |state| state.phase == Phase::Healthy).await;
    let new = token(&engine, &light);
    assert_ne!(old, new);
    while posted(supervisor.events_port(), &old).await != 401 {
        tokio::task::yield_now().await;
    }
    assert_eq!(posted(supervisor.events_port(), &new).await, 202);
    assert!(calls_with(&light, &new).await);
    assert!(engine.concurrent_operations().is_empty());
}

#[tokio::test]
async fn a_plugin_that_does_not_run_gets_its_new_keys_with_its_next_start() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    light.start().await.unwrap();
    let old = token(&engine, &light);
    light.stop().await.unwrap();
    light.rotate_secrets().await.unwrap();
    light.rotate_secrets().await.unwrap();
    assert_eq!(posted(supervisor.events_port(), &old).await, 401);
    assert_eq!(light.state().phase, Phase::Stopped);
    light.start().await.unwrap();
    assert_eq!(
        posted(supervisor.events_port(), &token(&engine, &light)).await,
        202
    );
}

#[tokio::test]
async fn a_rotation_that_the_disk_refuses_changes_nothing() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    light.start().await.unwrap();
    let (old, container) = (token(&engine, &light), light.state().container);
    supervisor.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    let error = light.rotate_secrets().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShuttingDown);
    assert_eq!(token(&engine, &light), old);
    assert_eq!(engine.containers()[0].id, container.unwrap());
}

#[tokio::test]
async fn a_plugin_that_crashes_with_its_new_keys_keeps_them() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let light = supervisor.install(manifest("light")).await.unwrap();
    light.start().await.unwrap();
    engine.crash_at_start(light.id(), Some(Exit::code(1)));
    let error = light.rotate_secrets().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    let new = token(&engine, &light);
    engine.crash_at_start(light.id(), None);
    until(&light, |state| state.phase == Phase::Healthy).await;
    assert_eq!(token(&engine, &light), new);
    assert_eq!(posted(supervisor.events_port(), &new).await, 202);
}

#[tokio::test]
async fn secret_settings_show_in_no_answer_and_no_debug_and_outlive_the_host() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let guarded = || {
        let manifest = hap_manifest::Manifest::builder("light", "Light", "1.0.0", "light:1");
        manifest.secret("password").build().unwrap()
    };
    let first = supervisor(&engine, state.path()).await;
    let light = first.install(guarded()).await.unwrap();
    let settings = json!({"password": "hunter2", "level": 3});
    let error = light.configure(&settings).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRunning);
    first.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop((first, light));

    let second = supervisor(&engine, state.path()).await;
    let light = second.plugin(guarded().id()).unwrap();
    let shown = light.config().await.unwrap().unwrap();
    assert_eq!(shown, json!({"password": "[REDACTED]", "level": 3}));
    let debug = format!("{light:?} {:?} {second:?} {error:?}", light.state());
    assert!(!debug.contains("hunter2"), "{debug}");
}

#[tokio::test]
async fn a_secret_that_a_plugin_repeats_is_in_nothing_that_is_told_of_it() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let mut health = HealthPolicy::default();
    health.startup_deadline = Duration::from_millis(200);
    let builder = crate::builder(&engine, state.path()).health_policy(health);
    let supervisor = builder.start().await.unwrap();
    let secretive = manifest_with("light", r#","secrets":["password"]"#);
    let light = supervisor.install(secretive).await.unwrap();
    light.configure(json!({"password": "hunter2"})).await.unwrap_err();
    let says = SimulatedHealth::Failing("hunter2 does not fit".to_owned());
    engine.set_health(light.id(), says);

    let mut events = supervisor.events();
    let error = light.start().await.unwrap_err();
    let told = loop {
        let notice = tokio::time::timeout(DEADLINE, events.next()).await.unwrap();
        if let Some(StreamItem::Event(event)) = notice
            && let EventKind::Failed(failure) = event.kind
        {
            break failure.message;
        }
    };
    let carried = error.failure().unwrap().message.clone();
    let shown = light.state().last_failure.unwrap().message;
    for text in [error.report(), told, carried, shown] {
        assert!(text.contains("[REDACTED] does not fit"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn plugins_get_new_keys_when_another_program_had_the_port_that_they_send_to() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let first = supervisor(&engine, state.path()).await;
    let light = first.install(manifest("light")).await.unwrap();
    engine.set_address(light.id(), telling_its_caller().await);
    light.start().await.unwrap();
    let (old, port) = (token(&engine, &light), first.events_port());
    first.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop(first);

    let thief = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let second = supervisor(&engine, state.path()).await;
    let elsewhere = second.events_port();
    assert_ne!(elsewhere, port);
    // Worthless at once, whether or not the plugin's container has been replaced yet.
    assert_eq!(posted(elsewhere, &old).await, 401);
    let light = second.plugin(light.id()).unwrap();
    while token(&engine, &light) == old {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    until(&light, |state| state.phase == Phase::Healthy).await;
    let new = token(&engine, &light);
    assert_eq!(
        (posted(elsewhere, &old).await, posted(elsewhere, &new).await),
        (401, 202)
    );
    assert!(calls_with(&light, &new).await);
    second.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop((second, thief));

    // Once is enough.
    let third = supervisor(&engine, state.path()).await;
    assert_eq!(third.events_port(), elsewhere);
    let light = third.plugin(light.id()).unwrap();
    until(&light, |state| state.phase == Phase::Healthy).await;
    assert_eq!(token(&engine, &light), new);
}

#[tokio::test]
async fn a_host_that_gives_up_because_its_port_is_taken_replaces_the_keys_when_it_starts() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let first = supervisor(&engine, state.path()).await;
    let light = first.install(manifest("light")).await.unwrap();
    light.start().await.unwrap();
    let (old, port) = (token(&engine, &light), first.events_port());
    first.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop(first);

    let on_that_port = || Supervisor::builder(engine.clone(), state.path()).events_port(port);
    let thief = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let error = on_that_port().start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    drop(thief);
    let second = on_that_port().start().await.unwrap();
    assert_eq!(posted(port, &old).await, 401);
    let light = second.plugin(light.id()).unwrap();
    while token(&engine, &light) == old {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    until(&light, |state| state.phase == Phase::Healthy).await;
    assert_eq!(posted(port, &token(&engine, &light)).await, 202);
}
