//! `hap run` on an engine: what it shows, how it ends, and that nothing of it is left.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "helpers of tests fail the test, and there is no runtime to block"
)]

mod bell;
#[path = "bell/moments.rs"]
mod moments;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    ops::{Deref, DerefMut},
    process::{Child, Command, Output, Stdio},
    time::Instant,
};

use bell::{Bell, code, text};
use moments::{interrupt_at_twenty_moments, no_network_is_left};

/// A run that a test which fails does not leave behind.
struct Running(Option<Child>);

impl Running {
    fn of(bell: &Bell, arguments: &[&str]) -> Self {
        Self(Some(start_with(bell, arguments)))
    }

    fn ended(mut self) -> Output {
        self.0.take().expect("it ends once").wait_with_output().unwrap()
    }
}

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        self.0.as_ref().expect("it did not end")
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        self.0.as_mut().expect("it did not end")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            signal(&child, "-INT");
            let _ = child.wait();
        }
    }
}

fn start(bell: &Bell) -> Child {
    start_with(bell, &[])
}

fn start_with(bell: &Bell, arguments: &[&str]) -> Child {
    bell.hap()
        .arg("run")
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn signal(running: &Child, name: &str) {
    let id = running.id().to_string();
    // It may have ended.
    let _ = Command::new("kill").args([name, &id]).status().unwrap();
}

/// Reads its output up to a line with these words.
fn until(running: &mut Child, words: &str) -> String {
    let output = running.stdout.as_mut().expect("it is piped");
    let mut all = String::new();
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        all.push_str(&line);
        all.push('\n');
        if line.contains(words) {
            return all;
        }
    }
    all
}

/// Whether its folder of state is gone, and all that the engine had of it.
fn leaves_nothing(bell: &Bell) {
    assert_eq!(bell.left(), [""; 0]);
    assert!(!bell.folder.path().join(".state/hap").exists());
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_run_shows_what_the_plugin_does_and_leaves_nothing_however_it_ends() {
    until_an_interrupt();
    a_second_run_of_one_project();
    after_a_kill();
    a_crash_at_the_start();
    a_plugin_that_listens_to_itself();
    its_settings_reach_it_or_are_refused_by_it();
    nobody_who_reads_its_output_is_an_end_of_it();
    at_twenty_moments();
}

fn until_an_interrupt() {
    let bell = Bell::new("");
    let mut running = Running::of(&bell, &[]);
    // Its first line comes before or after the one that says that it runs.
    let told = until(&mut running, "listens");
    assert!(told.contains("-- starting"), "{told}");
    assert!(told.contains("bell \u{fffd}[31mlistens\u{fffd}"), "{told:?}");
    signal(&running, "-INT");
    let ended = running.ended();
    assert_eq!(code(&ended), 130, "{ended:?}");
    leaves_nothing(&bell);
}

fn a_second_run_of_one_project() {
    let bell = Bell::new("");
    let mut running = Running::of(&bell, &[]);
    until(&mut running, "Ctrl-C ends it");
    let second = bell.hap().arg("run").output().unwrap();
    assert_eq!(code(&second), 6, "{second:?}");
    assert!(text(&second.stderr).contains("already running"), "{second:?}");
    signal(&running, "-TERM");
    running.ended();
    leaves_nothing(&bell);
}

fn after_a_kill() {
    let bell = Bell::new("");
    let mut killed = Running::of(&bell, &[]);
    until(&mut killed, "Ctrl-C ends it");
    killed.kill().unwrap();
    killed.ended();
    assert!(!bell.left().is_empty(), "a killed run leaves its container");
    let mut next = Running::of(&bell, &[]);
    until(&mut next, "Ctrl-C ends it");
    signal(&next, "-INT");
    next.ended();
    leaves_nothing(&bell);
}

fn a_crash_at_the_start() {
    let bell = Bell::new("crash");
    let ended = bell.hap().arg("run").output().unwrap();
    let told = text(&ended.stderr);
    assert_eq!(code(&ended), 1, "{told}");
    assert_eq!(told.matches("error: ").count(), 1, "{told}");
    assert!(told.contains("exit code 7"), "{told}");
    assert!(told.contains("no clapper \u{fffd}[2J here"), "{told:?}");
    leaves_nothing(&bell);
}

fn a_plugin_that_listens_to_itself() {
    let bell = Bell::new("loopback");
    let ended = bell.hap().arg("run").output().unwrap();
    let told = text(&ended.stderr);
    assert_eq!(code(&ended), 1, "{told}");
    assert!(told.contains("127.0.0.1") && told.contains("0.0.0.0"), "{told}");
    leaves_nothing(&bell);
}

fn its_settings_reach_it_or_are_refused_by_it() {
    let bell = Bell::new("");
    let outside = tempfile::tempdir().unwrap();
    let settings = outside.path().join("settings.json");
    let line = ["--config", settings.to_str().unwrap()];
    fs::write(&settings, r#"{"tone":3}"#).unwrap();
    let mut running = Running::of(&bell, &line);
    let told = until(&mut running, "tuned");
    assert!(told.contains("   tuned"), "{told}");
    signal(&running, "-INT");
    assert_eq!(code(&running.ended()), 130);
    leaves_nothing(&bell);
    fs::write(&settings, r#"{"tone":"loud"}"#).unwrap();
    let ended = Running::of(&bell, &line).ended();
    let told = text(&ended.stderr);
    assert_eq!(code(&ended), 1, "{told}");
    assert!(
        told.contains("loud is no tone") && told.contains("--config"),
        "{told}"
    );
    leaves_nothing(&bell);
}

/// As in `hap run | head -n 1`.
fn nobody_who_reads_its_output_is_an_end_of_it() {
    let bell = Bell::new("");
    let mut running = Running::of(&bell, &[]);
    until(&mut running, "--");
    drop(running.stdout.take());
    let ended = running.ended();
    assert_eq!(code(&ended), 0, "{ended:?}");
    leaves_nothing(&bell);
}

/// From the first moment to the one at which it is healthy.
fn at_twenty_moments() {
    let whole = |bell: &Bell| {
        let began = Instant::now();
        let mut running = start(bell);
        until(&mut running, "Ctrl-C ends it");
        let whole = began.elapsed();
        signal(&running, "-INT");
        running.wait().unwrap();
        whole
    };
    interrupt_at_twenty_moments(start, whole, leaves_nothing);
    no_network_is_left("hap-run-");
}
