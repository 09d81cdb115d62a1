//! The thermostat over hours of paused time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hap_plugin::serde_json::json;
use hap_plugin::testing::{TestPlugin, assert_manifest, assert_schemas};
use hap_plugin::{Fault, Result};
use thermostat::{Room, SimulatedRoom, Status, Thermostat};
use tokio::time::sleep;

/// A simulated room whose sensor can fail, and whose heater a test can look at.
#[derive(Clone, Default)]
struct TestRoom(Arc<Parts>);

#[derive(Default)]
struct Parts {
    room: SimulatedRoom,
    broken: AtomicBool,
    heated: AtomicBool,
}

impl Room for TestRoom {
    async fn temperature(&self) -> Result<f64> {
        if self.0.broken.load(Ordering::SeqCst) {
            return Err(Fault::unavailable("no answer"));
        }
        self.0.room.temperature().await
    }

    async fn heat(&self, on: bool) -> Result<()> {
        self.0.heated.store(on, Ordering::SeqCst);
        self.0.room.heat(on).await
    }
}

async fn status(thermostat: &TestPlugin) -> Status {
    thermostat.status().await.assert_success().data()
}

#[tokio::test(start_paused = true)]
async fn a_room_comes_to_its_target_and_stays_there() {
    let thermostat = TestPlugin::start(Thermostat::new(SimulatedRoom::new()))
        .await
        .unwrap();
    let heating = thermostat.platform().next_event("thermostat.heating").await;
    assert_eq!(
        (&heating.data["on"], &heating.data["target"]),
        (&json!(true), &json!(20.0))
    );
    let warm = thermostat.platform().next_event("thermostat.heating").await;
    assert_eq!(warm.data["on"], false);
    for _ in 0..24 {
        sleep(Duration::from_secs(3600)).await;
        let temperature = status(&thermostat).await.temperature.unwrap();
        assert!((19.0..=21.0).contains(&temperature), "{temperature}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_target_survives_a_crash() {
    let builder = TestPlugin::builder().temporary_data_dir();
    let thermostat = builder
        .start(Thermostat::new(SimulatedRoom::new()))
        .await
        .unwrap();
    thermostat
        .command("set_target", json!({"celsius": 23.5}))
        .await
        .assert_success();
    let thermostat = thermostat
        .crash_and_restart(Thermostat::new(SimulatedRoom::new()))
        .await
        .unwrap();
    assert_eq!(status(&thermostat).await.target.get(), 23.5);
}

#[tokio::test(start_paused = true)]
async fn without_its_sensor_it_does_not_heat_and_says_so() {
    let room = TestRoom::default();
    let thermostat = TestPlugin::start(Thermostat::new(room.clone())).await.unwrap();
    thermostat.platform().next_event("thermostat.heating").await;
    assert!(room.0.heated.load(Ordering::SeqCst));

    room.0.broken.store(true, Ordering::SeqCst);
    thermostat.platform().next_event("sensor.lost").await;
    assert!(!room.0.heated.load(Ordering::SeqCst));
    assert_eq!(
        thermostat.health().await.assert_success().pointer("/status"),
        "degraded"
    );
    assert_eq!(status(&thermostat).await.temperature, None);

    room.0.broken.store(false, Ordering::SeqCst);
    thermostat.platform().next_event("sensor.back").await;
    assert_eq!(
        thermostat.health().await.assert_success().pointer("/status"),
        "healthy"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_switches_the_heater_off() {
    let room = TestRoom::default();
    let thermostat = TestPlugin::start(Thermostat::new(room.clone())).await.unwrap();
    thermostat.platform().next_event("thermostat.heating").await;
    thermostat.stop().await;
    assert!(!room.0.heated.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn what_is_out_of_bounds_is_refused_with_the_place_or_the_rule() {
    let thermostat = TestPlugin::start(Thermostat::new(SimulatedRoom::new()))
        .await
        .unwrap();
    for celsius in [json!(4.9), json!(31), json!("warm"), json!(null)] {
        let refusal = thermostat
            .command("set_target", json!({"celsius": celsius}))
            .await;
        assert_eq!(
            refusal.assert_error("invalid_params").pointer("/details/path"),
            "params.celsius"
        );
    }
    let refusals = [
        (json!({"poll_interval_s": 0}), "poll_interval_s"),
        (json!({"hysteresis": 9}), "hysteresis"),
        (json!({"interval": 9}), "interval"),
    ];
    for (config, path) in refusals {
        let refusal = thermostat.configure(config).await;
        assert_eq!(
            refusal.assert_error("invalid_config").pointer("/details/path"),
            path
        );
    }
    thermostat
        .configure(json!({"poll_interval_s": 60}))
        .await
        .assert_success();
}

#[test]
fn the_manifest_and_the_schemas_are_the_programs() {
    let manifest = assert_manifest::<Thermostat<SimulatedRoom>>("manifest.json");
    assert_eq!(manifest.version().to_string(), env!("CARGO_PKG_VERSION"));
    assert_schemas::<Thermostat<SimulatedRoom>>("schemas.json");
}
