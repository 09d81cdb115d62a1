//! Snapshots: bounded, and missed when somebody removes them.

use std::time::Duration;

use hap_host::{
    ErrorKind, EventKind, Phase, PluginHandle, ProbationPolicy, ShutdownMode, StreamItem, Supervisor,
    engine::{FakeEngine, FakeOperation},
};
use hap_manifest::Manifest;

use crate::{DEADLINE, builder, count};

fn version(version: &str) -> Manifest {
    let text = format!(
        r#"{{"id":"keeper","name":"Keeper","version":"{version}","description":"d","author":"a","image":"plugin:1",
            "volumes":["/data"]}}"#
    );
    Manifest::from_json(&text).unwrap().manifest
}

async fn host(engine: &FakeEngine, state: &std::path::Path) -> Supervisor {
    let probation = ProbationPolicy::default().healthy_for(Duration::from_millis(200));
    builder(engine, state)
        .probation_policy(probation)
        .start()
        .await
        .unwrap()
}

/// A plugin that runs, and the name of its volume.
async fn keeper(engine: &FakeEngine, supervisor: &Supervisor) -> (PluginHandle, String) {
    let keeper = supervisor.install(version("1.0.0")).await.unwrap();
    keeper.start().await.unwrap();
    let data = engine.volumes().remove(0);
    engine.write_volume(&data, "twelve bytes");
    (keeper, data)
}

fn snapshot(engine: &FakeEngine) -> String {
    let volumes = engine.volumes();
    volumes
        .iter()
        .find(|name| name.contains("snapshot"))
        .unwrap()
        .clone()
}

#[tokio::test]
async fn data_that_is_larger_than_the_bound_is_refused_before_anything_stops() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = host(&engine, state.path()).await;
    let (keeper, _) = keeper(&engine, &supervisor).await;
    let stops = count(&engine, FakeOperation::Stop);
    engine.set_free_bytes(Some(20));
    let error = keeper.update(version("2.0.0")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    for part in [
        "12 bytes",
        "the bound is 10",
        "half of the 20 bytes",
        "without a snapshot",
        "raise the bound",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
    let error = keeper
        .update(version("2.0.0"))
        .max_snapshot_bytes(11)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("the bound is 11"), "{error}");
    assert_eq!(
        (count(&engine, FakeOperation::Stop), keeper.state().phase),
        (stops, Phase::Healthy)
    );
    assert_eq!(keeper.state().restarts, 0);

    // Each way out leads out.
    keeper
        .update(version("2.0.0"))
        .max_snapshot_bytes(12)
        .await
        .unwrap();
    keeper.update(version("3.0.0")).snapshot(false).await.unwrap();
    let error = keeper.roll_back().await.unwrap_err();
    assert!(error.to_string().contains("the bound is 10"), "{error}");
    keeper.roll_back().snapshot(false).await.unwrap();
    engine.set_free_bytes(Some(24));
    keeper.update(version("4.0.0")).await.unwrap();
}

#[tokio::test]
async fn a_snapshot_that_somebody_removed_is_known_before_a_way_back_stops_anything() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = host(&engine, state.path()).await;
    let (keeper, data) = keeper(&engine, &supervisor).await;
    assert_eq!(keeper.previous_snapshot(), None);
    keeper.update(version("2.0.0")).await.unwrap();
    assert_eq!(keeper.previous_snapshot(), Some(true));
    engine.write_volume(&data, "of 2.0.0");
    let lost = snapshot(&engine);
    engine.remove_volume_externally(&lost);
    let mut events = supervisor.events();
    let stops = count(&engine, FakeOperation::Stop);
    let error = keeper.roll_back().restore_data(true).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    for part in [
        "version 1.0.0",
        "docker volume prune",
        &lost,
        "without it is possible",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(
        (count(&engine, FakeOperation::Stop), keeper.state().phase),
        (stops, Phase::Healthy)
    );
    assert_eq!(keeper.previous_snapshot(), Some(false));
    let told = async {
        loop {
            if let Some(StreamItem::Event(event)) = events.next().await
                && let EventKind::SnapshotLost { version, volumes } = event.kind
            {
                return (version.to_string(), volumes);
            }
        }
    };
    let told = tokio::time::timeout(DEADLINE, told).await.unwrap();
    assert_eq!(told, ("1.0.0".to_owned(), vec![lost]));
    // Asked again, it says the same, and without the data the way is open.
    let error = keeper.roll_back().restore_data(true).await.unwrap_err();
    assert!(error.to_string().contains("docker volume prune"), "{error}");
    keeper.roll_back().await.unwrap();
    assert_eq!(engine.read_volume(&data).unwrap(), "of 2.0.0");
}

#[tokio::test]
async fn a_snapshot_that_was_removed_while_no_host_ran_is_missed_at_the_start() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let supervisor = host(&engine, state.path()).await;
    let (keeper, _) = keeper(&engine, &supervisor).await;
    keeper.update(version("2.0.0")).await.unwrap();
    drop(keeper);
    supervisor.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    engine.remove_volume_externally(&snapshot(&engine));

    let supervisor = host(&engine, state.path()).await;
    let keeper = supervisor.plugins().remove(0);
    let missed = async {
        while keeper.previous_snapshot() != Some(false) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, missed).await.unwrap();
    assert_eq!(keeper.previous_version().unwrap().to_string(), "1.0.0");
    // It is kept that it is gone.
    drop(keeper);
    supervisor.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    let supervisor = host(&engine, state.path()).await;
    assert_eq!(supervisor.plugins().remove(0).previous_snapshot(), Some(false));
}
