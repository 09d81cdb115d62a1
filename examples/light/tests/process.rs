//! The light as a process: signals, exit codes, sub-commands, and what survives a kill.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hap_plugin::axum::extract::State;
use hap_plugin::axum::http::StatusCode;
use hap_plugin::axum::routing::post;
use hap_plugin::axum::{self, Router};
use hap_plugin::serde_json::{self, Value, json};
use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

const PROGRAM: &str = env!("CARGO_BIN_EXE_light");

struct Process {
    child: Child,
    port: u16,
    client: Client,
}

impl Process {
    /// Starts the program and waits until it is healthy.
    async fn start(environment: &[(&str, &str)]) -> Self {
        let port = free_port().await;
        let child = Command::new(PROGRAM)
            .env_clear()
            .env("PORT", port.to_string())
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        let process = Self { child, port, client };
        let begun = Instant::now();
        while !process.is_healthy().await {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "the light does not turn healthy"
            );
            sleep(Duration::from_millis(10)).await;
        }
        process
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    async fn is_healthy(&self) -> bool {
        let answer = self.client.get(self.url("/health")).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    async fn post(&self, path: &str, body: Value) {
        let answer = self.client.post(self.url(path)).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    async fn set_brightness(&self, level: u8) {
        self.post(
            "/command",
            json!({"command": "set_brightness", "params": {"level": level}}),
        )
        .await;
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    async fn ended(&mut self) -> ExitStatus {
        timeout(Duration::from_secs(15), self.child.wait())
            .await
            .unwrap()
            .unwrap()
    }
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

async fn output(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied());
    timeout(Duration::from_secs(15), command.output())
        .await
        .unwrap()
        .unwrap()
}

/// What the platform does with events.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Accept,
    Refuse,
    Hang,
}

#[derive(Clone)]
struct Platform(Arc<Mutex<(Mood, Vec<Value>)>>);

impl Platform {
    async fn start(mood: Mood) -> (Self, String) {
        let platform = Self(Arc::new(Mutex::new((mood, Vec::new()))));
        let router = Router::new()
            .route("/api/v1/events", post(receive))
            .with_state(platform.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/v1", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (platform, url)
    }

    fn set(&self, mood: Mood) {
        self.0.lock().unwrap().0 = mood;
    }

    fn brightnesses(&self) -> Vec<u64> {
        let state = self.0.lock().unwrap();
        state
            .1
            .iter()
            .filter_map(|event| event.pointer("/data/brightness")?.as_u64())
            .collect()
    }
}

async fn receive(State(platform): State<Platform>, body: axum::body::Bytes) -> StatusCode {
    let mood = platform.0.lock().unwrap().0;
    match mood {
        Mood::Accept => {
            let body: Value = serde_json::from_slice(&body).unwrap();
            let events = match body {
                Value::Array(events) => events,
                event => vec![event],
            };
            platform.0.lock().unwrap().1.extend(events);
            StatusCode::ACCEPTED
        }
        Mood::Refuse => StatusCode::SERVICE_UNAVAILABLE,
        Mood::Hang => std::future::pending().await,
    }
}

#[tokio::test]
async fn a_signal_ends_it_with_success() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut light = Process::start(&[]).await;
        light.signal(signal);
        assert_eq!(light.ended().await.code(), Some(0));
    }
}

#[tokio::test]
async fn a_kill_costs_neither_the_configuration_nor_an_event() {
    let dir = tempfile::tempdir().unwrap();
    let (platform, url) = Platform::start(Mood::Refuse).await;
    let environment = [
        ("HAP_DATA_DIR", dir.path().to_str().unwrap()),
        ("PLATFORM_API_URL", &*url),
    ];
    let mut light = Process::start(&environment).await;
    light.post("/config", json!({"default_brightness": 60})).await;
    for level in 1..=20 {
        light.set_brightness(level).await;
    }
    light.signal(Signal::KILL);
    light.ended().await;
    assert!(platform.brightnesses().is_empty());

    platform.set(Mood::Accept);
    let light = Process::start(&environment).await;
    let status: Value = light
        .client
        .get(light.url("/status"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(status["data"]["config"]["default_brightness"], 60);
    let begun = Instant::now();
    while platform.brightnesses().len() < 22 {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{:?}",
            platform.brightnesses()
        );
        sleep(Duration::from_millis(10)).await;
    }
    // The configuration changed the brightness both times it was taken.
    let expected: Vec<u64> = [60].into_iter().chain(1..=20).chain([60]).collect();
    assert_eq!(platform.brightnesses(), expected);
}

#[tokio::test]
async fn events_are_delivered_before_it_ends() {
    let (platform, url) = Platform::start(Mood::Refuse).await;
    let mut light = Process::start(&[("PLATFORM_API_URL", &url)]).await;
    for level in 1..=5 {
        light.set_brightness(level).await;
    }
    platform.set(Mood::Accept);
    light.signal(Signal::TERM);
    assert_eq!(light.ended().await.code(), Some(0));
    assert_eq!(platform.brightnesses(), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_dead_platform_holds_it_no_longer_than_its_budget() {
    let (_platform, url) = Platform::start(Mood::Hang).await;
    let mut light = Process::start(&[("PLATFORM_API_URL", &url)]).await;
    light.set_brightness(1).await;
    let begun = Instant::now();
    light.signal(Signal::TERM);
    sleep(Duration::from_millis(200)).await;
    assert!(!light.is_healthy().await);
    assert_eq!(light.ended().await.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let (_platform, url) = Platform::start(Mood::Hang).await;
    let mut light = Process::start(&[("PLATFORM_API_URL", &url)]).await;
    light.set_brightness(1).await;
    light.signal(Signal::TERM);
    sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    light.signal(Signal::TERM);
    assert_eq!(light.ended().await.code(), Some(1));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_wrong_environment_is_told_at_once_and_whole() {
    let environment = [
        ("PORT", "web"),
        ("PLUGIN_ID", "My Light"),
        ("HAP_API_TOKEN", "hunter2"),
        ("HAP_DATA_DIR", "data"),
        ("HAP_CONFIG_DEFAULT_BRIGHTNESS", "bright"),
    ];
    let output = output(&[], &environment).await;
    assert_eq!(output.status.code(), Some(78));
    let log = String::from_utf8(output.stdout).unwrap();
    assert_eq!(log.lines().count(), 5, "{log}");
    for name in [
        "PORT",
        "PLUGIN_ID",
        "HAP_API_TOKEN",
        "HAP_DATA_DIR",
        "HAP_CONFIG_DEFAULT_BRIGHTNESS",
    ] {
        assert!(log.contains(name), "{name} in {log}");
    }
    assert!(!log.contains("hunter2"), "{log}");
    assert!(
        log.lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok()),
        "{log}"
    );
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_written_is_an_error_for_good() {
    let output = output(&[], &[("PORT", "1"), ("HAP_DATA_DIR", "/proc/none")]).await;
    assert_eq!(output.status.code(), Some(78));
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("HAP_DATA_DIR=/proc/none")
    );
}

#[tokio::test]
async fn a_port_in_use_may_be_free_later() {
    let taken = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    assert_eq!(output(&[], &[("PORT", &port)]).await.status.code(), Some(1));
}

#[tokio::test]
async fn the_program_checks_its_own_health() {
    let light = Process::start(&[]).await;
    let port = light.port.to_string();
    // A proxy in the environment does not come between.
    let environment = [("PORT", &*port), ("HTTP_PROXY", "http://127.0.0.1:1")];
    assert_eq!(
        output(&["healthcheck"], &environment).await.status.code(),
        Some(0)
    );
    drop(light);
    let output = output(&["healthcheck"], &[("PORT", &free_port().await.to_string())]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stderr.is_empty());
}

#[tokio::test]
async fn the_program_describes_itself_and_refuses_what_it_does_not_know() {
    let described = output(&["describe"], &[("PLUGIN_VERSION", "9.9.9")]).await;
    let description: Value = serde_json::from_slice(&described.stdout).unwrap();
    assert_eq!(
        (&description["version"], &description["plugin_id"]),
        (&json!("9.9.9"), &json!("light"))
    );
    let alone = output(&["describe"], &[]).await;
    let alone: Value = serde_json::from_slice(&alone.stdout).unwrap();
    assert_eq!(alone["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(output(&["help"], &[]).await.status.code(), Some(0));
    let unknown = output(&["fly"], &[]).await;
    assert_eq!(unknown.status.code(), Some(64));
    let told = String::from_utf8(unknown.stderr).unwrap();
    assert!(told.starts_with("unknown argument \"fly\""), "{told}");
}

#[tokio::test]
async fn what_is_wrong_with_the_environment_is_told_at_once() {
    let environment = [
        ("PORT", "high"),
        ("HAP_DATA_DIR", "/nowhere/at/all"),
        ("HAP_CONFIG_TRANSITION_MS", "slow"),
    ];
    let output = output(&[], &environment).await;
    assert_eq!(output.status.code(), Some(78));
    let told = String::from_utf8(output.stdout).unwrap();
    for part in [
        "PORT=",
        "HAP_DATA_DIR=/nowhere/at/all: there is no such directory",
        "HAP_CONFIG_TRANSITION_MS",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
}
