//! Updates over the fake engine: what they refuse, what they change, and what comes back.

use std::{path::Path, time::Duration};

use hap_host::{
    ErrorKind, Phase, PluginHandle, ProbationPolicy, ShutdownMode, Supervisor, UpdateResult, UpdateStage,
    engine::{EngineErrorKind, Exit, FakeEngine, FakeOperation},
};
use hap_manifest::Manifest;
use serde_json::json;

use crate::{builder, count, manifest_with, until};

const VOLUME: &str = r#","volumes":["/data"]"#;

fn version(version: &str, extra: &str) -> Manifest {
    let text = format!(
        r#"{{"id":"light","name":"Plugin","version":"{version}","description":"d","author":"a",
            "image":"plugin:{version}"{extra}}}"#
    );
    Manifest::from_json(&text).unwrap().manifest
}

async fn supervisor(engine: &FakeEngine, state: &Path) -> Supervisor {
    let probation = ProbationPolicy::default()
        .healthy_for(Duration::from_millis(200))
        .within(Duration::from_secs(10));
    builder(engine, state)
        .probation_policy(probation)
        .start()
        .await
        .unwrap()
}

async fn running(engine: &FakeEngine, state: &Path, extra: &str) -> (Supervisor, PluginHandle) {
    let supervisor = supervisor(engine, state).await;
    let light = supervisor.install(version("1.0.0", extra)).await.unwrap();
    light.start().await.unwrap();
    (supervisor, light)
}

/// The one volume that is no snapshot.
fn data(engine: &FakeEngine) -> String {
    let mut volumes = engine.volumes().into_iter();
    volumes.find(|name| !name.contains("snapshot")).unwrap()
}

fn snapshots(engine: &FakeEngine) -> Vec<String> {
    let volumes = engine.volumes().into_iter();
    volumes.filter(|name| name.contains("snapshot")).collect()
}

async fn until_no_snapshot(engine: &FakeEngine) {
    let gone = async {
        while !snapshots(engine).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(crate::DEADLINE, gone).await.unwrap();
}

fn broken(engine: &FakeEngine, tag: &str, code: i64) {
    let image = format!("plugin:{tag}").parse().unwrap();
    engine.crash_image_at_start(&image, Some(Exit::code(code)));
}

fn image_of(engine: &FakeEngine, light: &PluginHandle) -> String {
    engine.spec(light.id()).unwrap().image
}

#[tokio::test]
async fn a_version_that_proves_itself_stays_and_the_one_before_can_come_back() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let (supervisor, light) = running(&engine, state.path(), VOLUME).await;
    engine.write_volume(&data(&engine), "of 1.0.0");

    let outcome = light.update(version("1.1.0", VOLUME)).await.unwrap();
    assert_eq!(
        (outcome.from.to_string(), outcome.to.to_string()),
        ("1.0.0".into(), "1.1.0".into())
    );
    assert_eq!(outcome.result, UpdateResult::Committed);
    assert_eq!(light.manifest().version().to_string(), "1.1.0");
    assert_eq!(image_of(&engine, &light), "sha256:plugin:1.1.0");
    assert_eq!(light.state().update, None);
    assert_eq!(light.state().last_update, Some(outcome));
    assert_eq!(light.previous_version().unwrap().to_string(), "1.0.0");
    let kept = snapshots(&engine);
    assert_eq!(engine.read_volume(&kept[0]).unwrap(), "of 1.0.0");

    engine.write_volume(&data(&engine), "of 1.1.0");
    light.roll_back().await.unwrap();
    assert_eq!(light.manifest().version().to_string(), "1.0.0");
    assert_eq!(
        engine.read_volume(&data(&engine)).unwrap(),
        "of 1.1.0",
        "data stays unless told"
    );

    light.roll_back().await.unwrap();
    assert_eq!(light.manifest().version().to_string(), "1.1.0");
    engine.write_volume(&data(&engine), "newer");
    light.roll_back().restore_data(true).await.unwrap();
    assert_eq!(engine.read_volume(&data(&engine)).unwrap(), "of 1.1.0");
    assert_eq!(light.state().phase, Phase::Healthy);

    light.forget_previous_version().await.unwrap();
    until_no_snapshot(&engine).await;
    let error = light.roll_back().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_eq!(engine.concurrent_operations(), []);
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
async fn a_version_that_fails_is_replaced_by_the_old_one_with_its_data_and_settings() {
    for code in [1, 78] {
        let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
        let (supervisor, light) = running(&engine, state.path(), VOLUME).await;
        engine.write_volume(&data(&engine), "precious");
        // Nobody answers at its address, so they are kept and pending.
        light.configure(json!({"level": 1})).await.unwrap_err();
        broken(&engine, "2.0.0", code);

        let updating = tokio::spawn({
            let light = light.clone();
            async move {
                light
                    .update(version("2.0.0", VOLUME))
                    .settings(json!({"brightness": 1}))
                    .await
            }
        });
        until(&light, |state| {
            state
                .update
                .as_ref()
                .is_some_and(|u| u.stage == UpdateStage::Probation)
        })
        .await;
        engine.write_volume(&data(&engine), "migrated and broken");
        let error = updating.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        let words = error.to_string();
        assert!(words.contains("from 1.0.0 to 2.0.0"), "{words}");
        assert!(words.contains(&format!("exit code {code}")), "{words}");
        assert!(words.contains("the old version runs again"), "{words}");
        let failure = error.failure().unwrap();
        assert_eq!(failure.exit.as_ref().unwrap().code, code);
        assert!(words.contains(&failure.to_string()), "{words}");

        assert_eq!(light.manifest().version().to_string(), "1.0.0");
        assert_eq!(image_of(&engine, &light), "sha256:plugin:1.0.0");
        assert_eq!(engine.read_volume(&data(&engine)).unwrap(), "precious");
        assert_eq!(light.config().await.unwrap().unwrap(), json!({"level": 1}));
        let last = light.state().last_update.unwrap();
        assert!(matches!(last.result, UpdateResult::RolledBack { .. }));
        assert_eq!(light.previous_version(), None);
        until_no_snapshot(&engine).await;
        assert_eq!(engine.concurrent_operations(), []);
        supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_stops_for_an_update_that_cannot_be() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let schema = r#","config_schema":{"type":"object","properties":{"level":{"type":"integer"}},"required":["level"]}"#;
    let (supervisor, light) = running(&engine, state.path(), "").await;
    light.configure(json!({"brightness": 1})).await.unwrap_err();
    let lamp = supervisor
        .install(manifest_with(
            "lamp",
            r#","depends_on":[{"id":"light","version":"^1"}]"#,
        ))
        .await
        .unwrap();
    let container = light.state().container;

    let other = manifest_with("lock", "");
    let lower = version("0.9.0", "");
    let strict = version("1.1.0", schema);
    let greedy = version("1.1.0", r#","capabilities":["NET_RAW"],"user":"0""#);
    let breaking = version("2.0.0", "");
    let circle = version("1.1.0", r#","depends_on":["lamp"]"#);
    let alien = version("1.1.0", r#","platform":"^9""#);
    for (manifest, kind, words) in [
        (other, ErrorKind::InvalidInput, "another plugin"),
        (lower, ErrorKind::InvalidInput, "lower than the 1.0.0"),
        (strict, ErrorKind::InvalidInput, "level"),
        (greedy, ErrorKind::NotPermitted, "was not granted"),
        (breaking, ErrorKind::Dependency, "lamp, which needs ^1"),
        (circle, ErrorKind::Dependency, "light -> lamp -> light"),
        (alien, ErrorKind::InvalidInput, "platform"),
    ] {
        let error = light.update(manifest).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let missing = "plugin:1.2.0".parse().unwrap();
    engine.set_image(&missing, hap_host::engine::FakeImage::Missing);
    let error = light.update(version("1.2.0", "")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Image, "{error}");
    assert_eq!(count(&engine, FakeOperation::Stop), 0);
    assert_eq!(light.state().container, container);
    assert_eq!(light.manifest().version().to_string(), "1.0.0");
    assert_eq!(light.state().last_update, None);

    light
        .update(version("1.1.0", schema))
        .settings(json!({"level": 3}))
        .await
        .unwrap();
    assert_eq!(light.config().await.unwrap().unwrap(), json!({"level": 3}));
    light
        .update(version("2.0.0", ""))
        .ignore_dependents(true)
        .settings(json!({}))
        .await
        .unwrap();
    assert_eq!(lamp.state().phase, Phase::Stopped);
}

#[tokio::test]
async fn what_was_granted_stays_granted_and_more_takes_a_grant() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let (_supervisor, light) = running(&engine, state.path(), "").await;
    let greedy = version("1.1.0", r#","writable_rootfs":true"#);
    let error = light.update(greedy.clone()).await.unwrap_err();
    assert_eq!(error.violations().len(), 1);
    let wish = error.violations()[0].missing_permission().unwrap().clone();
    light.update(greedy).grant(wish).await.unwrap();
    light
        .update(version("1.2.0", r#","writable_rootfs":true"#))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_stopped_plugin_is_updated_without_being_started() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let (_supervisor, light) = running(&engine, state.path(), VOLUME).await;
    light.stop().await.unwrap();
    broken(&engine, "1.1.0", 1);
    light.update(version("1.1.0", VOLUME)).await.unwrap();
    assert_eq!(light.state().phase, Phase::Stopped);
    assert_eq!(light.manifest().version().to_string(), "1.1.0");
    light.roll_back().await.unwrap();
    assert_eq!(light.manifest().version().to_string(), "1.0.0");
    light.start().await.unwrap();
}

#[tokio::test]
async fn an_update_to_what_it_is_already_changes_nothing() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let (_supervisor, light) = running(&engine, state.path(), VOLUME).await;
    let container = light.state().container;
    let same = light.update(version("1.0.0", VOLUME));
    same.allow_same_version(true).await.unwrap();
    assert_eq!(light.state().container, container);
    assert_eq!(count(&engine, FakeOperation::CopyVolumes), 0);
}

#[tokio::test]
async fn data_that_cannot_be_copied_stops_the_update_and_the_old_version_goes_on() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let (_supervisor, light) = running(&engine, state.path(), VOLUME).await;
    engine.fail_next(FakeOperation::CopyVolumes, EngineErrorKind::Failed);
    let error = light.update(version("1.1.0", VOLUME)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(error.to_string().contains("without a snapshot"), "{error}");
    assert_eq!(light.state().phase, Phase::Healthy);
    assert_eq!(light.manifest().version().to_string(), "1.0.0");
    until_no_snapshot(&engine).await;
    light
        .update(version("1.1.0", VOLUME))
        .snapshot(false)
        .await
        .unwrap();
    assert_eq!(snapshots(&engine), [] as [String; 0]);
}

#[tokio::test]
async fn a_second_update_is_refused_while_one_is_under_way_and_it_can_be_ended_early() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let patient = ProbationPolicy::default().healthy_for(Duration::from_secs(60));
    let supervisor = builder(&engine, state.path())
        .probation_policy(patient)
        .start()
        .await
        .unwrap();
    let light = supervisor.install(version("1.0.0", VOLUME)).await.unwrap();
    light.start().await.unwrap();
    engine.write_volume(&data(&engine), "before");
    let updating = tokio::spawn({
        let light = light.clone();
        async move { light.update(version("1.1.0", VOLUME)).await }
    });
    until(&light, |state| {
        let watched = state
            .update
            .as_ref()
            .is_some_and(|u| u.stage == UpdateStage::Probation);
        watched && state.phase == Phase::Healthy
    })
    .await;
    let error = light.update(version("1.2.0", VOLUME)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.to_string().contains("from 1.0.0 to 1.1.0"), "{error}");
    engine.write_volume(&data(&engine), "after");
    light.roll_back().await.unwrap();
    assert_eq!(updating.await.unwrap().unwrap_err().kind(), ErrorKind::Failed);
    assert_eq!(light.manifest().version().to_string(), "1.0.0");
    assert_eq!(engine.read_volume(&data(&engine)).unwrap(), "before");
}

#[tokio::test]
async fn a_probation_goes_on_under_the_next_host_and_still_leads_back() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let patient = ProbationPolicy::default().healthy_for(Duration::from_secs(60));
    let supervisor = builder(&engine, state.path())
        .probation_policy(patient)
        .start()
        .await
        .unwrap();
    let light = supervisor.install(version("1.0.0", VOLUME)).await.unwrap();
    light.start().await.unwrap();
    engine.write_volume(&data(&engine), "before");
    let updating = tokio::spawn({
        let light = light.clone();
        async move { light.update(version("1.1.0", VOLUME)).await }
    });
    until(&light, |state| {
        state.update.is_some() && state.phase == Phase::Healthy
    })
    .await;
    until(&light, |state| {
        state
            .update
            .as_ref()
            .is_some_and(|u| u.stage == UpdateStage::Probation)
    })
    .await;
    supervisor.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    assert_eq!(
        updating.await.unwrap().unwrap_err().kind(),
        ErrorKind::ShuttingDown
    );
    engine.write_volume(&data(&engine), "after");

    broken(&engine, "1.1.0", 1);
    engine.crash(light.id(), Exit::code(1));
    let supervisor = self::supervisor(&engine, state.path()).await;
    let light = supervisor.plugin(light.id()).unwrap();
    let back = until(&light, |state| {
        state.update.is_none() && state.phase == Phase::Healthy
    })
    .await;
    assert!(matches!(
        back.last_update.unwrap().result,
        UpdateResult::RolledBack { .. }
    ));
    assert_eq!(light.manifest().version().to_string(), "1.0.0");
    assert_eq!(engine.read_volume(&data(&engine)).unwrap(), "before");
}

#[tokio::test]
async fn a_plugin_in_a_crash_loop_or_given_up_can_be_moved_to_a_version_that_works() {
    for (code, stuck) in [(1, Phase::CrashLoop), (78, Phase::Failed)] {
        let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
        let supervisor = supervisor(&engine, state.path()).await;
        broken(&engine, "1.0.0", code);
        let light = supervisor.install(version("1.0.0", VOLUME)).await.unwrap();
        light.start().await.unwrap_err();
        until(&light, |state| state.phase == stuck).await;
        light.update(version("1.1.0", VOLUME)).await.unwrap();
        assert_eq!(light.state().phase, Phase::Healthy);
    }
}

#[tokio::test]
async fn a_plugin_that_is_uninstalled_during_an_update_leaves_no_copy() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let (_supervisor, light) = running(&engine, state.path(), VOLUME).await;
    light.update(version("1.1.0", VOLUME)).await.unwrap();
    assert_eq!(snapshots(&engine).len(), 1);
    light.uninstall().await.unwrap();
    assert_eq!(snapshots(&engine), [] as [String; 0]);
    assert_eq!(engine.volumes().len(), 1, "its data stays");
}

#[tokio::test]
async fn a_plugin_that_is_uninstalled_while_its_data_comes_back_keeps_that_data() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let (_supervisor, light) = running(&engine, state.path(), VOLUME).await;
    engine.write_volume(&data(&engine), "precious");
    broken(&engine, "2.0.0", 78);
    // The first copy makes the snapshot; the second one is to bring it back.
    let updating = tokio::spawn({
        let light = light.clone();
        async move { light.update(version("2.0.0", VOLUME)).await }
    });
    until(&light, |state| {
        state
            .update
            .as_ref()
            .is_some_and(|u| u.stage == UpdateStage::Probation)
    })
    .await;
    engine.set_delay(FakeOperation::CopyVolumes, Duration::from_millis(500));
    engine.write_volume(&data(&engine), "ruined");
    until(&light, |state| {
        state
            .update
            .as_ref()
            .is_some_and(|u| u.stage == UpdateStage::Restore)
    })
    .await;
    light.uninstall().await.unwrap();
    updating.await.unwrap().unwrap_err();
    assert_eq!(engine.read_volume(&data(&engine)).unwrap(), "precious");
    assert_eq!(snapshots(&engine), [] as [String; 0]);
}

#[tokio::test]
async fn a_snapshot_that_somebody_removed_costs_no_data_and_is_told() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let (_supervisor, light) = running(&engine, state.path(), VOLUME).await;
    light.update(version("1.1.0", VOLUME)).await.unwrap();
    engine.write_volume(&data(&engine), "of 1.1.0");
    engine.remove_volume_externally(&snapshots(&engine)[0]);
    // As if it went after it was looked for.
    engine.fail_next(FakeOperation::MissingVolumes, EngineErrorKind::Unsupported);
    let error = light.roll_back().restore_data(true).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(error.to_string().contains("was removed by somebody"), "{error}");
    assert_eq!(engine.read_volume(&data(&engine)).unwrap(), "of 1.1.0");
    until(&light, |state| state.phase == Phase::Healthy).await;
}

#[tokio::test]
async fn what_was_revoked_does_not_come_back_with_the_version_before() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(&engine, state.path()).await;
    let asks = r#","writable_rootfs":true"#;
    let light = supervisor
        .install(version("1.0.0", asks))
        .grant_all_requested(true)
        .await
        .unwrap();
    light.start().await.unwrap();
    light.update(version("1.1.0", asks)).await.unwrap();
    light.set_grants([]).await.unwrap();
    let error = light.roll_back().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotPermitted, "{error}");
}

#[tokio::test]
async fn no_settings_are_taken_while_it_is_open_which_version_they_are_for() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let (_supervisor, light) = running(&engine, state.path(), VOLUME).await;
    engine.set_delay(FakeOperation::CopyVolumes, Duration::from_millis(300));
    let updating = tokio::spawn({
        let light = light.clone();
        async move { light.update(version("1.1.0", VOLUME)).await }
    });
    until(&light, |state| {
        state
            .update
            .as_ref()
            .is_some_and(|u| u.stage == UpdateStage::Snapshot)
    })
    .await;
    let error = light.configure(json!({"level": 1})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    updating.await.unwrap().unwrap();
    // Nobody answers at its address, so they are kept and pending.
    let error = light.configure(json!({"level": 1})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
}
