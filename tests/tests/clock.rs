//! A host and its plugin on a machine whose clock is set: at the start and while they run, forward and back.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use hap_host::{
    Cursor, Delivery, HealthPolicy, Phase, PluginEvent, PluginEvents, PluginHandle, ProbationPolicy,
    ShutdownMode, SubscribeOptions, Supervisor, UpdateResult, UpdateStage, engine::ProcessEngine,
};
use hap_manifest::Manifest;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

/// Longest wait for anything here. Generous, because the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(60);
/// The file that the false clock is read from.
const CLOCK: &str = "FAKETIME_TIMESTAMP_FILE";
const YEAR: u64 = 365 * 24 * 60 * 60;
/// How far the host's and the plugin's clock are from the machine's at first.
const FIRST: &str = "-20y";

/// Runs itself once more under a clock that it can set. What is measured in time goes by the clock that nobody sets.
#[test]
#[ignore = "needs faketime"]
fn a_host_and_its_plugin_live_on_while_the_clock_is_set() {
    if std::env::var_os(CLOCK).is_some() {
        return life();
    }
    let shown = Command::new("faketime")
        .args(["-m", "-f", "+0", "printenv", "LD_PRELOAD"])
        .output();
    let shown = shown.unwrap_or_else(|error| panic!("faketime cannot be run: {error}"));
    let library = String::from_utf8(shown.stdout).unwrap();
    assert!(library.contains("faketime"), "{library}");
    let clock = tempfile::NamedTempFile::new().unwrap();
    fs::write(clock.path(), FIRST).unwrap();
    let mut again = Command::new(std::env::current_exe().unwrap());
    again
        .args(["--include-ignored", "--nocapture", "--exact"])
        .arg("a_host_and_its_plugin_live_on_while_the_clock_is_set")
        .env("LD_PRELOAD", library.trim())
        .env(CLOCK, clock.path())
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("DONT_FAKE_MONOTONIC", "1")
        .stdin(Stdio::null());
    let ended = again.output().unwrap();
    let said = [ended.stdout, ended.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(ended.status.success(), "{}", said.join("\n"));
    assert!(said[0].contains("1 passed"), "{}", said.join("\n"));
}

fn set_clock(offset: &str) {
    let file = std::env::var_os(CLOCK).unwrap();
    // In one step, so that nobody reads half of it.
    let next = PathBuf::from(&file).with_extension("next");
    fs::write(&next, offset).unwrap();
    fs::rename(next, file).unwrap();
}

/// What the clock says, in years since 1970.
fn year() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs()
        / YEAR
}

/// A program that starts the plugin as a child of this host, whose environment it does not get.
fn program(folder: &Path) -> PathBuf {
    let path = folder.join("teller");
    let mut script = "#!/bin/sh\n".to_owned();
    for name in [
        "LD_PRELOAD",
        CLOCK,
        "FAKETIME_NO_CACHE",
        "FAKETIME_DONT_FAKE_MONOTONIC",
        "DONT_FAKE_MONOTONIC",
    ] {
        script.push_str(&format!("export {name}='{}'\n", std::env::var(name).unwrap()));
    }
    script.push_str(&format!("exec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_teller")));
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn manifest(version: &str) -> Manifest {
    Manifest::builder("teller", "Teller", version, "teller:1")
        .build()
        .unwrap()
}

async fn host(folder: &Path) -> Supervisor {
    let engine = ProcessEngine::new(folder.join("processes")).unwrap();
    let mut health = HealthPolicy::default();
    health.interval = Duration::from_millis(100);
    Supervisor::builder(engine, folder.join("state"))
        .health_policy(health)
        .probation_policy(ProbationPolicy::default().healthy_for(Duration::from_secs(1)))
        .start()
        .await
        .unwrap()
}

async fn in_time<T>(what: &str, waited: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, waited).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not in time"),
    }
}

async fn next(events: &mut PluginEvents) -> PluginEvent {
    match in_time("an event", events.next()).await.unwrap().unwrap() {
        Delivery::Event(event) => event,
        other => panic!("{other:?}"),
    }
}

/// The plugin takes a command and sends an event, which comes behind all others and at the time of the clock.
async fn says(teller: &PluginHandle, events: &mut PluginEvents, last: &mut Cursor, text: &str) {
    let command = json!({"command": "say", "params": {"text": text}});
    in_time("a command", teller.command_typed(command).into_future())
        .await
        .unwrap();
    let event = next(events).await;
    assert_eq!(event.event.data, json!(text));
    assert!(
        event.cursor > *last,
        "{text}: {:?} is not behind {last:?}",
        event.cursor
    );
    *last = event.cursor;
    let received = event
        .received_at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert_eq!(received / YEAR, year(), "{text}");
    let made = hap_manifest::rfc3339::parse(&event.event.time.unwrap()).unwrap();
    let made = made.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(made / YEAR, year(), "{text}");
}

async fn healthy(teller: &PluginHandle, restarts: u64) {
    let wanted = teller.wait_for(move |state| state.phase == Phase::Healthy && state.restarts >= restarts);
    in_time("healthy", wanted).await.unwrap();
}

/// Ends the plugin's process by force.
fn kill(folder: &Path) {
    let own = folder.join("processes");
    let mut killed = 0;
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else {
            continue;
        };
        let exe = fs::read_link(entry.path().join("exe")).unwrap_or_default();
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let ours = String::from_utf8_lossy(&environment).contains(own.to_str().unwrap());
        if exe == Path::new(env!("CARGO_BIN_EXE_teller")) && ours {
            kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
            killed += 1;
        }
    }
    assert_eq!(killed, 1);
}

#[tokio::main]
async fn life() {
    let folder = tempfile::tempdir().unwrap();
    let first = year();
    assert!(first < 45, "the clock is not set: {first}");
    let supervisor = host(folder.path()).await;
    let program = program(folder.path());
    let teller = supervisor
        .install(manifest("1.0.0"))
        .process_program(&program)
        .await
        .unwrap();
    in_time("a start", teller.start().into_future()).await.unwrap();
    let mut events = supervisor.plugin_events(SubscribeOptions::default());
    let mut last = Cursor::START;
    says(&teller, &mut events, &mut last, "at the start").await;

    // Forward by twenty years, as when a machine without a battery finds out what time it is; on, and back twice.
    for (count, offset) in ["+0", "+1y", "+0", "-2y"].into_iter().enumerate() {
        let before = year();
        set_clock(offset);
        assert_ne!(year(), before, "the clock is not set");
        says(&teller, &mut events, &mut last, offset).await;
        // A run that fails is started again after its pause.
        kill(folder.path());
        healthy(&teller, u64::try_from(count).unwrap() + 1).await;
        says(&teller, &mut events, &mut last, "after a failure").await;
    }

    // A new version proves itself while the clock is set.
    set_clock("+0");
    let updating = tokio::spawn(
        teller
            .update(manifest("1.0.1"))
            .process_program(&program)
            .into_future(),
    );
    let on_probation = teller.wait_for(|state| {
        state
            .update
            .as_ref()
            .is_some_and(|update| update.stage == UpdateStage::Probation)
    });
    in_time("probation", on_probation).await.unwrap();
    set_clock("-3y");
    let outcome = in_time("the update", updating).await.unwrap().unwrap();
    assert_eq!(outcome.result, UpdateResult::Committed, "{outcome:?}");
    set_clock("+2y");
    says(&teller, &mut events, &mut last, "after the update").await;

    // The next host starts at another time, and nothing is lost by it.
    in_time("the end", supervisor.shutdown(ShutdownMode::LeaveRunning))
        .await
        .unwrap();
    set_clock("+10y");
    let supervisor = host(folder.path()).await;
    let teller = supervisor.plugin(&"teller".parse().unwrap()).unwrap();
    healthy(&teller, 0).await;
    let mut events = supervisor.plugin_events(SubscribeOptions::default().after(Cursor::START));
    let mut kept = Vec::new();
    while kept.len() < 10 {
        kept.push(next(&mut events).await.event.data);
    }
    assert_eq!(kept.first(), Some(&json!("at the start")), "{kept:?}");
    assert_eq!(kept.last(), Some(&json!("after the update")), "{kept:?}");
    says(&teller, &mut events, &mut last, "ten years on").await;
    in_time("the end", supervisor.shutdown(ShutdownMode::StopPlugins))
        .await
        .unwrap();
}
