//! `hap test` on an engine: what it tests, and that nothing of it is left.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "helpers of tests fail the test, and there is no runtime to block"
)]

mod bell;
#[path = "bell/moments.rs"]
mod moments;

use std::{fs, process::Stdio, time::Instant};

use bell::{Bell, code, docker, text};
use moments::{interrupt_at_twenty_moments, no_network_is_left};

#[test]
#[ignore = "needs a Docker engine"]
fn the_plugin_of_a_folder_is_tested_in_containers_and_nothing_is_left() {
    let bell = Bell::new("");
    let line = ["--json", "test", "--level", "guide"];
    let done = bell.hap().args(line).output().unwrap();
    assert_eq!(code(&done), 0, "{}\n{}", text(&done.stdout), text(&done.stderr));
    let told: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let result = told.get("result").unwrap();
    let digest = result.get("digest").unwrap().as_str().unwrap();
    assert!(digest.starts_with("sha256:"), "{digest}");
    let passes = |id: &str| {
        let cases = result.get("cases").unwrap().as_array().unwrap();
        let case = cases.iter().find(|case| case.get("id").unwrap() == id);
        case.is_some_and(|case| case.get("outcome").unwrap() == "pass")
    };
    for id in [
        "start.healthy",
        "start.listens-everywhere",
        "env.port",
        "command.known",
        "stop.grace",
    ] {
        assert!(passes(id), "{id}: {told:#}");
    }
    assert_eq!(bell.left(), [""; 0]);
}

/// Several are made at the same time, each with volumes that the engine fills.
#[test]
#[ignore = "needs a Docker engine"]
fn every_case_of_a_plugin_with_a_volume_gets_a_container() {
    let bell = Bell::new("");
    let line = ["--json", "test", "--only", "stop,exit,config,env,log"];
    let done = bell.hap().args(line).output().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let cases = told.pointer("/result/cases").unwrap().as_array().unwrap();
    assert!(cases.len() > 10, "{told:#}");
    let broken: Vec<_> = cases
        .iter()
        .filter(|case| case.get("outcome").unwrap() == "error")
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert_eq!(bell.left(), [""; 0]);
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_read_only_root_is_a_case_of_containers_and_not_of_programs() {
    let bell = Bell::new("");
    let outcome = |arguments: &[&str]| {
        let line = ["--json", "test", "--only", "fs.read-only"];
        let done = bell.hap().args(line).args(arguments).output().unwrap();
        let told: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        told.pointer("/result/cases/0/outcome").unwrap().to_string()
    };
    assert_eq!(outcome(&[]), "\"pass\"");
    assert_eq!(outcome(&["--", "./bell"]), "\"n/a\"");
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_plugin_that_listens_on_127_0_0_1_alone_is_told_what_to_bind() {
    let bell = Bell::new("loopback");
    let line = ["test", "--level", "guide"];
    let done = bell.hap().args(line).output().unwrap();
    assert_eq!(code(&done), 1, "{done:?}");
    let told = text(&done.stdout);
    assert!(told.contains("FAIL start.healthy"), "{told}");
    assert!(told.contains("it listens on 127.0.0.1:"), "{told}");
    assert!(told.contains("bind 0.0.0.0"), "{told}");
    assert_eq!(bell.left(), [""; 0]);
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_plugin_that_crashes_at_its_start_is_told_with_its_last_lines() {
    let bell = Bell::new("crash");
    let done = bell.hap().args(["test"]).output().unwrap();
    assert_eq!(code(&done), 1, "{done:?}");
    let told = text(&done.stdout);
    assert!(told.contains("it exited with code 7"), "{told}");
    assert!(told.contains("no clapper \u{fffd}[2J here"), "{told:?}");
    assert_eq!(bell.left(), [""; 0]);
}

/// The report names it by the digest that `hap describe` prints.
#[test]
#[ignore = "needs a Docker engine"]
fn a_package_is_tested_as_it_would_be_installed_and_nothing_is_left() {
    let bell = Bell::new("");
    let outside = tempfile::tempdir().unwrap();
    let package = outside.path().join("bell.zip");
    // No package goes without one, checked or not.
    fs::write(bell.folder.path().join("README.md"), "# Bell\n\nRings.\n").unwrap();
    let packed = bell.hap().args(["package", "-o"]).arg(&package).output().unwrap();
    assert_eq!(code(&packed), 0, "{packed:?}");
    let named = |line: &[&str], at: &str| {
        let mut command = bell.hap();
        let done = command.arg("--json").args(line).arg(&package).output().unwrap();
        assert_eq!(code(&done), 0, "{}\n{}", text(&done.stdout), text(&done.stderr));
        let told: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        told.pointer(at)
            .unwrap_or_else(|| panic!("{at} in {told:#}"))
            .clone()
    };
    let digest = named(&["test", "--level", "guide"], "/result/digest");
    assert_eq!(digest, named(&["describe"], "/result/package/digest"));
    assert_eq!(bell.left(), [""; 0]);
}

#[test]
#[ignore = "needs a Docker engine"]
fn an_image_of_this_machine_is_tested_and_stays() {
    let bell = Bell::new("");
    let image = format!("{}:0.1.0", bell.id);
    let folder = bell.folder.path().to_str().unwrap();
    docker(&["build", "-q", "-t", &image, folder]);
    let outside = tempfile::tempdir().unwrap();
    let line = ["test", &image, "--level", "guide", "--manifest", folder];
    let done = bell::hap(outside.path()).args(line).output().unwrap();
    let stays = docker(&["images", "-q", &image]).len();
    docker(&["rmi", &image]);
    assert_eq!(code(&done), 0, "{}\n{}", text(&done.stdout), text(&done.stderr));
    assert!(text(&done.stdout).contains(&image), "{done:?}");
    assert_eq!(stays, 1);
    assert_eq!(bell.left(), [""; 0]);
}

/// The first moment comes before anything was made, the last when all is done.
#[test]
#[ignore = "needs a Docker engine"]
fn an_interrupt_at_any_of_twenty_moments_leaves_nothing() {
    let run = |bell: &Bell| {
        bell.hap()
            .args(["test", "--level", "guide"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let whole = |bell: &Bell| {
        let began = Instant::now();
        assert!(run(bell).wait().unwrap().success());
        began.elapsed()
    };
    interrupt_at_twenty_moments(run, whole, |bell| assert_eq!(bell.left(), [""; 0]));
    no_network_is_left("hap-test-");
}
