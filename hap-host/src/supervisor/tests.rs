//! What is brought up from the version before.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

use std::path::Path;

use rusqlite::Connection;

use super::{Supervisor, options::ShutdownMode};
use crate::{
    engine::{
        fake::{FakeEngine, faults::FakeOperation},
        observed::Observed,
    },
    model::phase::Phase,
    plugin::handle::PluginHandle,
};

/// The container of the one plugin that there is.
fn container(engine: &FakeEngine) -> Observed {
    engine.containers().pop().unwrap()
}

async fn supervisor(engine: &FakeEngine, state: &Path) -> Supervisor {
    Supervisor::builder(engine.clone(), state).start().await.unwrap()
}

async fn healthy(light: &PluginHandle) {
    light
        .wait_for(|state| state.phase == Phase::Healthy)
        .await
        .unwrap();
}

/// Takes from a state folder what the version before did not have.
fn set_back(state: &Path) {
    let files = std::fs::read_dir(state)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let database = files.filter(|path| Connection::open(path).is_ok_and(|file| is_database(&file)));
    for path in database {
        Connection::open(path)
            .unwrap()
            .execute_batch(
                "DROP TABLE unsealed; DROP TABLE user_numbers; DROP TABLE left_data; DELETE FROM meta WHERE key = 'seal_key'; PRAGMA user_version = 5",
            )
            .unwrap();
    }
}

fn is_database(file: &Connection) -> bool {
    file.query_row("SELECT count(*) FROM plugins", [], |_| Ok(()))
        .is_ok()
}

/// A plugin that runs, as the version before left it.
async fn from_before(state: &Path) -> FakeEngine {
    let engine = FakeEngine::new();
    let first = supervisor(&engine, state).await;
    let manifest = hap_manifest::Manifest::builder("light", "Light", "1.0.0", "light:1").build();
    let light = first.install(manifest.unwrap()).await.unwrap();
    light.start().await.unwrap();
    first.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    engine.remove_seal(light.id());
    set_back(state);
    engine
}

#[tokio::test(start_paused = true)]
async fn a_container_from_before_there_were_seals_is_adopted_and_sealed_at_its_next_start() {
    let state = tempfile::tempdir().unwrap();
    let engine = from_before(state.path()).await;
    let before = container(&engine);
    let second = supervisor(&engine, state.path()).await;
    let light = second.plugins().pop().unwrap();
    healthy(&light).await;
    let adopted = container(&engine);
    assert_eq!((&adopted.id, adopted.started_at), (&before.id, before.started_at));
    assert_eq!(adopted.seal, None);

    light.restart().await.unwrap();
    healthy(&light).await;
    let anew = container(&engine);
    assert_ne!(anew.id, before.id);
    assert!(anew.seal.is_some());
    assert!(engine.concurrent_operations().is_empty());
}

#[tokio::test(start_paused = true)]
async fn once_a_plugin_has_a_sealed_container_none_without_a_seal_is_adopted() {
    let state = tempfile::tempdir().unwrap();
    let engine = from_before(state.path()).await;
    let second = supervisor(&engine, state.path()).await;
    let light = second.plugins().pop().unwrap();
    healthy(&light).await;
    light.restart().await.unwrap();
    healthy(&light).await;
    second.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    engine.remove_seal(light.id());
    let stranger = container(&engine);

    let third = supervisor(&engine, state.path()).await;
    let light = third.plugins().pop().unwrap();
    light.wait_for(|state| state.failure.is_some()).await.unwrap();
    assert_eq!(light.state().container, None);
    assert_eq!(container(&engine).started_at, stranger.started_at);
    let touched = engine
        .calls()
        .into_iter()
        .filter(|call| call.subject == stranger.id.as_str())
        .filter(|call| matches!(call.operation, FakeOperation::Stop | FakeOperation::Remove));
    assert_eq!(touched.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_was_left_from_before_nothing_unsealed_is_ever_adopted() {
    let state = tempfile::tempdir().unwrap();
    let engine = from_before(state.path()).await;
    let id = container(&engine).plugin;
    let hidden = engine.spec(&id).unwrap();
    engine.remove_externally(&id);
    // The list at the start shows that there is no container from before.
    let second = supervisor(&engine, state.path()).await;
    second.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    engine.remove_externally(&id);
    let made = crate::engine::Engine::create(&engine, &hidden).await.unwrap();
    engine.remove_seal(&id);
    let third = supervisor(&engine, state.path()).await;
    let light = third.plugins().pop().unwrap();
    light.wait_for(|state| state.failure.is_some()).await.unwrap();
    assert_eq!(container(&engine).id, made);
}
