//! Seen while measuring.

use std::{
    fs,
    num::NonZeroU32,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use hap_host::{
    EventRateLimit, EventRetention, PluginHandle, ShutdownMode, Supervisor,
    engine::{Engine as _, FakeEngine},
};
use hap_manifest::{Manifest, PluginId, env};
use hap_tests::document;
use serde_json::json;

const DEADLINE: Duration = Duration::from_secs(60);

async fn host(engine: &FakeEngine, state: &Path, retention: EventRetention) -> (Supervisor, PluginHandle) {
    let unbounded = NonZeroU32::MAX;
    let host = Supervisor::builder(engine.clone(), state)
        .event_rate(EventRateLimit::new(unbounded, unbounded).bytes(unbounded, unbounded))
        .event_retention(retention)
        .start()
        .await
        .unwrap();
    let id = "light".parse().unwrap();
    let light = match host.plugin(&id) {
        Some(light) => light,
        None => {
            let light = Manifest::builder("light", "Light", "1.0.0", "light:1");
            host.install(light.build().unwrap()).await.unwrap()
        }
    };
    light.start().await.unwrap();
    (host, light)
}

/// A search through all containers for each health check cost an embedder's test of ten thousand plugins nine tenths of
/// its time.
#[tokio::test]
async fn e01_the_pretended_engine_finds_one_of_ten_thousand_as_fast_as_one_of_a_hundred() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let (_host, light) = host(&engine, state.path(), EventRetention::default()).await;
    let spec = engine.spec(light.id()).unwrap();
    let testing = engine.testing().unwrap();
    let mut made = 0;
    let mut cost = async |containers: usize| {
        for index in made..containers {
            let mut other = spec.clone();
            other.plugin = PluginId::new(format!("light-{index}")).unwrap();
            other.name = format!("light-{index}");
            engine.create(&other).await.unwrap();
        }
        made = containers;
        // The least of several, which other programs on the machine disturb least.
        let rounds = (0..7).map(|_| {
            let began = Instant::now();
            for _ in 0..2_000 {
                assert!(testing.simulated_health(light.id()).is_some());
            }
            began.elapsed()
        });
        rounds.min().unwrap()
    };
    let (few, many) = (cost(100).await, cost(10_000).await);
    assert!(
        many < few * 8,
        "{few:?} with a hundred, {many:?} with ten thousand"
    );
}

#[tokio::test]
async fn e02_the_store_gives_back_what_retention_took_away() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let (first, light) = host(&engine, state.path(), EventRetention::default()).await;
    let variable = |name: &str| {
        let spec = engine.spec(light.id()).unwrap();
        let found = spec.env.iter().find(|variable| variable.name() == name);
        found.unwrap().expose_value().to_owned()
    };
    let url = format!("{}/events", variable(env::PLATFORM_API_URL));
    let token = variable(env::HAP_API_TOKEN);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for batch in 0..16 {
        let events: Vec<_> = (0..500)
            .map(|event| {
                json!({
                    "specversion": "1.0", "id": format!("{batch}-{event}"), "source": "/plugins/light",
                    "type": "motion", "data": "x".repeat(1_500),
                })
            })
            .collect();
        let posted = client
            .post(&url)
            .bearer_auth(&token)
            .header("content-type", "application/cloudevents-batch+json")
            .body(serde_json::to_vec(&events).unwrap());
        let answer = posted.send().await.unwrap();
        assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
    }
    first.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    let taken = || -> u64 {
        let files = fs::read_dir(state.path()).unwrap().map(Result::unwrap);
        let databases = files.filter(|file| file.file_name().to_string_lossy().contains(".db"));
        databases.map(|file| file.metadata().unwrap().len()).sum()
    };
    let kept = 2_000;
    let before = taken();
    assert!(before > 8_000 * 1_500, "{before}");

    let narrow = EventRetention::default().events(kept).dedup_window(100);
    let (second, _) = host(&engine, state.path(), narrow).await;
    let began = Instant::now();
    while taken() > 2 * kept * 1_500 {
        assert!(began.elapsed() < DEADLINE, "{} bytes of {before}", taken());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    second.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

/// The last number in the row of a document's table that begins with `name`.
fn figure(text: &str, name: &str) -> f64 {
    let row = text
        .lines()
        .find(|line| line.starts_with(&format!("| {name} |")))
        .unwrap();
    let bold = row.split("**").nth(1).unwrap();
    bold.split_whitespace().next().unwrap().parse().unwrap()
}

/// What the program of the figures measured last. The bound itself is on a table in the documents, because a test that
/// compares times fails with its machine.
#[test]
fn e03_sixteen_commands_at_a_time_cost_at_most_a_twentieth_more_than_the_bare_client() {
    let text = fs::read_to_string(document::path("benchmarks.md")).unwrap();
    let ratio = figure(&text, "host to the one with its headers, 16 at a time");
    assert!(ratio <= 1.05, "{ratio}");
}

#[test]
fn e04_an_embedder_without_the_feature_builds_no_checker_of_schemas() {
    let tree = |features: &[&str]| {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let listed = Command::new(env!("CARGO"))
            .current_dir(workspace)
            .args([
                "tree",
                "--offline",
                "--quiet",
                "--edges",
                "normal",
                "--prefix",
                "none",
            ])
            .args(["--package", "hap-host", "--no-default-features"])
            .args(features)
            .output()
            .unwrap();
        assert!(
            listed.status.success(),
            "{}",
            String::from_utf8_lossy(&listed.stderr)
        );
        String::from_utf8(listed.stdout).unwrap()
    };
    assert!(!tree(&[]).contains("jsonschema"));
    assert!(!tree(&["--features", "docker,management"]).contains("jsonschema"));
    assert!(tree(&["--features", "config-schema"]).contains("jsonschema"));
}

#[test]
fn e05_retention_that_catches_up_leaves_most_of_the_usual_intake() {
    let text = fs::read_to_string(document::path("benchmarks.md")).unwrap();
    for row in [
        "one in each request, 32 connections",
        "500 in each request, 1 connection",
    ] {
        let ratio = figure(&text, &format!("while retention catches up, {row}"));
        assert!(ratio >= 0.7, "{row}: {ratio}");
    }
}

#[test]
fn e06_figures_are_of_a_supported_engine_of_today_with_an_old_one_beside_it() {
    for name in ["benchmarks.md", "reliability.md"] {
        let text = fs::read_to_string(document::path(name)).unwrap();
        for engine in ["28.5", "20.10"] {
            assert!(text.contains(engine), "docs/{name} says nothing of {engine}");
        }
    }
}
