//! What was mended before the rest, so that each of the reports has its test.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hap_host::{
    ErrorKind, Phase, Supervisor, UpdateStage,
    engine::{FakeEngine, SimulatedHealth},
};
use hap_manifest::Manifest;
use hap_plugin::{
    Context, NoCommand, NoStatus, Plugin, Reply, Result,
    schemars::{self, JsonSchema},
    testing::TestPlugin,
};
use hap_tests::document;
use serde::{Deserialize, Serialize};
use serde_json::json;

fn version(number: &str) -> Manifest {
    let light = Manifest::builder("light", "Light", number, format!("light:{number}"));
    light.build().unwrap()
}

/// A version that answered well once was committed, and failed from then on.
#[tokio::test(start_paused = true)]
async fn b01_a_version_that_is_healthy_for_less_than_its_probation_is_not_committed() {
    for seconds in [1, 2, 5, 9] {
        let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
        let host = Supervisor::builder(engine.clone(), state.path())
            .start()
            .await
            .unwrap();
        let light = host.install(version("1.0.0")).await.unwrap();
        light.start().await.unwrap();
        let updating = tokio::spawn({
            let light = light.clone();
            async move { light.update(version("2.0.0")).await }
        });
        let on_probation = light.wait_for(|state| {
            let update = state.update.as_ref();
            update.is_some_and(|update| update.stage == UpdateStage::Probation)
                && state.phase == Phase::Healthy
        });
        on_probation.await.unwrap();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        engine.set_health(light.id(), SimulatedHealth::Failing("it answers 500".to_owned()));
        let back = light.wait_for(|state| {
            let update = state.update.as_ref();
            update.is_none_or(|update| update.stage != UpdateStage::Probation)
        });
        back.await.unwrap();
        engine.set_health(light.id(), SimulatedHealth::Healthy);
        let error = updating.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed, "{seconds} s: {error}");
        assert_eq!(light.manifest().version().to_string(), "1.0.0", "{seconds} s");
    }
}

#[test]
fn b12_the_benchmark_is_numbered_as_the_version_that_it_names() {
    let text = fs::read_to_string(document::path("cis.md")).unwrap();
    assert!(text.contains("version 1.6.0"));
    // From that version on the first item is about Swarm; before, it was AppArmor.
    for (item, about) in [("5.1", "Swarm"), ("5.2", "AppArmor"), ("5.11", "memory")] {
        let row = text.lines().find(|line| line.starts_with(&format!("| {item} |")));
        assert!(row.unwrap().contains(about), "{row:?}");
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Config {
    seconds: u32,
}

/// Polls as its settings say, and counts how often it was woken for a change.
struct Meter(Arc<AtomicUsize>);

impl Plugin for Meter {
    type Config = Config;
    type Command = NoCommand;
    type Status = NoStatus;

    async fn start(&self, cx: &Context) -> Result<()> {
        let (mut changes, woken) = (cx.config_changes::<Self>(), Arc::clone(&self.0));
        // The loop without an end that authors write.
        cx.spawn("poll", async move {
            loop {
                tokio::select! {
                    _ = changes.changed() => drop(woken.fetch_add(1, Ordering::Relaxed)),
                    () = tokio::time::sleep(Duration::from_secs(3600)) => {}
                }
                tokio::task::yield_now().await;
            }
        });
        Ok(())
    }

    async fn command(&self, _: &Context, command: NoCommand) -> Result<Reply> {
        match command {}
    }
}

#[tokio::test(start_paused = true)]
async fn d03_waiting_for_settings_does_not_run_hot_once_the_plugin_stops() {
    let woken = Arc::new(AtomicUsize::new(0));
    let meter = TestPlugin::start(Meter(Arc::clone(&woken))).await.unwrap();
    meter.configure(json!({"seconds": 5})).await.assert_success();
    let before = async {
        while woken.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(3000), before)
        .await
        .unwrap();
    let changes = woken.load(Ordering::Relaxed);
    meter.stop().await;
    assert_eq!(woken.load(Ordering::Relaxed), changes);
}

fn text(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).unwrap()
}

#[test]
fn d10_readme_and_guides_say_how_to_depend_on_the_crates_before_they_are_published() {
    for path in ["README.md", "docs/guide-host.md", "docs/guide-plugin.md"] {
        let text = text(path);
        let told = text.contains("--path <this repository>") || text.contains("path = \"");
        assert!(told, "{path}");
    }
}

#[test]
fn d17_nobody_takes_it_for_the_accessory_protocol() {
    assert!(text("README.md").contains("hap is not HAP, Apple's HomeKit Accessory Protocol"));
    for name in ["hap-manifest", "hap-plugin", "hap-host"] {
        let package = text(&format!("{name}/Cargo.toml"));
        let line = |key: &str| {
            let mut lines = package.lines();
            lines.find(|line| line.starts_with(key)).unwrap().to_owned()
        };
        assert!(line("description").contains("not Apple's HomeKit"), "{name}");
        assert!(line("keywords").contains("plugin"), "{name}");
    }
}

/// Each of its programs is compiled, as a test of the documentation.
#[test]
fn d18_the_guide_for_host_applications_has_what_an_embedder_needs() {
    let guide = text("docs/guide-host.md");
    for part in [
        "## Consent",
        "## A progress bar",
        "## What plugins send",
        "## Logs over restarts",
        "## An update, and the way back",
        "## Restarts of the application",
        "## Serving it, and shutting down",
        "METRICS_CONTENT_TYPE",
    ] {
        assert!(guide.contains(part), "{part}");
    }
    assert!(text("tests/src/lib.rs").contains("guide-host.md"));
}
