//! The operator's commands, as a person types them, against a host.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "helpers of tests fail the test, and there is no runtime to block"
)]

#[cfg(test)]
mod real;

use std::{
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use hap_host::{Supervisor, engine::FakeEngine};
use hap_manifest::Manifest;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Longest wait for anything here. Generous, because the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(60);

/// A host over the fake engine, whose management API is where that of `hap up` is.
struct Host {
    state: TempDir,
    supervisor: Supervisor,
    runtime: Runtime,
}

impl Host {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let state = tempfile::tempdir().unwrap();
        let supervisor = runtime.block_on(async {
            let builder = Supervisor::builder(FakeEngine::new(), state.path().join("supervisor"));
            let supervisor = builder.start().await.unwrap();
            let listener = tokio::net::UnixListener::bind(state.path().join("hap.sock")).unwrap();
            let router = supervisor.management_router();
            tokio::spawn(async move { axum::serve(listener, router).await });
            supervisor
        });
        Self {
            state,
            supervisor,
            runtime,
        }
    }

    fn install(&self, id: &str) {
        let manifest = Manifest::builder(id, "A plugin", "1.0.0", "plugin:1")
            .build()
            .unwrap();
        let install = async { self.supervisor.install(manifest).await };
        self.runtime.block_on(install).unwrap();
    }

    fn hap(&self, arguments: &[&str]) -> Output {
        start(self.state.path(), arguments).wait_with_output().unwrap()
    }
}

fn start(state: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_hap"))
        .args(arguments)
        .env("HAP_STATE", state)
        .env_remove("HAP_HOST")
        .env_remove("HAP_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ends by itself")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn what_is_installed_is_listed_for_people_and_for_programs() {
    let host = Host::new();
    let none = host.hap(&["ps"]);
    assert_eq!(code(&none), 0, "{none:?}");
    assert!(text(&none.stdout).contains("hap install"), "{none:?}");
    host.install("light");
    let listed = text(&host.hap(&["ps"]).stdout);
    let lines: Vec<_> = listed.lines().collect();
    assert!(lines[0].starts_with("ID"), "{listed}");
    assert!(
        lines[1].starts_with("light") && lines[1].contains("1.0.0"),
        "{listed}"
    );
    let listed = json(&host.hap(&["--json", "ps"]));
    assert_eq!(listed["command"], "ps");
    assert_eq!(listed["result"]["plugins"][0]["plugin"]["id"], "light");
}

#[test]
fn a_plugin_is_started_asked_limited_and_removed() {
    let host = Host::new();
    host.install("light");
    let done = |arguments: &[&str], says: &str| {
        let output = host.hap(arguments);
        assert_eq!(code(&output), 0, "{arguments:?} {output:?}");
        assert!(text(&output.stdout).contains(says), "{arguments:?} {output:?}");
    };
    done(&["limits", "light", "--memory", "64m"], "64.0 MiB");
    done(
        &["config", "set", "light", "level=40", "name=Big lamp"],
        "kept for light",
    );
    done(&["config", "set", "light", "level=null"], "kept for light");
    done(&["config", "get", "light"], "\"name\": \"Big lamp\"");
    done(&["grants", "light"], "granted: nothing");
    done(&["status", "light"], "wanted");
    done(&["start", "light", "--no-wait"], "light is");
    done(&["stop", "light"], "light is");
    done(&["orphans"], "there is nothing");
    done(&["logs", "light"], "");
    done(&["uninstall", "light", "--remove-data"], "its data is removed");
}

#[test]
fn each_failure_has_its_exit_code_and_says_what_to_do() {
    let host = Host::new();
    host.install("light");
    let cases: [(&[&str], i32, &str); 8] = [
        (&["status", "lihgt"], 3, "hap ps"),
        (&["start", "lihgt"], 3, "hap ps"),
        (&["command", "light", "ring"], 6, "hap start"),
        (&["command", "light", "ring", "hunter2"], 2, "NAME=VALUE"),
        (&["config", "set", "light", "--file", "none.json"], 3, "none.json"),
        (&["grants", "light", "--add", "build"], 2, "asks for"),
        (&["install", "none.zip"], 3, "none.zip"),
        (&["limits", "light", "--cpu", "0"], 2, "CPU"),
    ];
    for (arguments, expected, says) in cases {
        let output = host.hap(arguments);
        let told = text(&output.stderr);
        assert_eq!(code(&output), expected, "{arguments:?} {told}");
        assert_eq!(told.matches("error: ").count(), 1, "{told}");
        assert!(
            told.to_lowercase().contains(&says.to_lowercase()),
            "{arguments:?} {told}"
        );
        assert!(!told.contains("hunter2"), "{told}");
    }
    let refused = json(&host.hap(&["--json", "status", "lihgt"]));
    assert_eq!(
        (&refused["success"], &refused["code"], &refused["command"]),
        (&false.into(), &"not_installed".into(), &"status".into())
    );
}

#[test]
fn a_host_that_is_not_there_and_one_that_is_slow_are_told_in_time() {
    let state = tempfile::tempdir().unwrap();
    let gone = start(state.path(), &["ps"]).wait_with_output().unwrap();
    assert_eq!(code(&gone), 5, "{gone:?}");
    assert!(text(&gone.stderr).contains("hap up"), "{gone:?}");
    // A socket of a host that was killed.
    drop(UnixListener::bind(state.path().join("hap.sock")).unwrap());
    let dead = start(state.path(), &["ps"]).wait_with_output().unwrap();
    assert_eq!(code(&dead), 5, "{dead:?}");
    std::fs::remove_file(state.path().join("hap.sock")).unwrap();
    let _slow = UnixListener::bind(state.path().join("hap.sock")).unwrap();
    let began = Instant::now();
    let slow = start(state.path(), &["ps", "--timeout", "1"])
        .wait_with_output()
        .unwrap();
    assert_eq!(code(&slow), 8, "{slow:?}");
    assert!(began.elapsed() < DEADLINE);
    let asked = start(state.path(), &["start", "light"]);
    interrupt(&asked);
    assert_eq!(code(&asked.wait_with_output().unwrap()), 130);
}

fn interrupt(child: &Child) {
    // It listens to signals a moment after its start.
    thread::sleep(Duration::from_millis(500));
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn whoever_follows_is_ended_by_an_interrupt_and_by_a_reader_that_goes() {
    let host = Host::new();
    host.install("light");
    let follower = start(host.state.path(), &["events"]);
    interrupt(&follower);
    assert_eq!(code(&follower.wait_with_output().unwrap()), 130);
    // As in `hap events | head -n 1`.
    let mut follower = start(host.state.path(), &["events"]);
    drop(follower.stdout.take());
    let began = Instant::now();
    let mut count = 0;
    while follower.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < DEADLINE, "it goes on without a reader");
        host.install(&format!("other{count}"));
        count += 1;
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(follower.wait().unwrap().code(), Some(0));
}

#[test]
fn a_token_is_taken_from_its_variable_and_never_shown() {
    let state = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_hap"))
        .args(["ps", "--host", "http://127.0.0.1:1"])
        .env("HAP_STATE", state.path())
        .env("HAP_TOKEN", "hap_hunter2 \n")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(code(&output), 2, "{output:?}");
    assert!(!text(&output.stderr).contains("hunter2"), "{output:?}");
}

fn light() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/light")
}
