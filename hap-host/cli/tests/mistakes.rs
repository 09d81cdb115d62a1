//! The likeliest mistakes: each ends in one message that says what to do.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail the test"
)]

mod bell;

use std::{fs, process::Command};

use bell::{Bell, code, text};

#[track_caller]
fn ends(command: &mut Command, exit: i32, what: &str, help: &str) {
    let done = command.output().unwrap();
    let told = text(&done.stderr);
    assert_eq!(code(&done), exit, "{told}");
    assert_eq!(told.matches("error: ").count(), 1, "{told}");
    assert!(told.contains(what) && told.contains(help), "{told}");
}

#[test]
fn without_docker_each_command_that_needs_it_says_so() {
    let bell = Bell::new("");
    for line in [&["run"][..], &["build"], &["test", "bell:1", "--manifest", "."]] {
        let mut command = bell.hap();
        command.args(line).env("DOCKER_HOST", "unix:///no/such.sock");
        ends(
            &mut command,
            5,
            "no Docker engine answers at unix:///no/such.sock",
            "start Docker",
        );
    }
    assert!(!bell.folder.path().join(".state").exists());
}

#[test]
fn without_a_dockerfile_there_is_nothing_to_build_or_to_run() {
    let bell = Bell::new("");
    fs::remove_file(bell.folder.path().join("Dockerfile")).unwrap();
    for line in ["run", "build"] {
        ends(bell.hap().arg(line), 3, "there is no Dockerfile in", "hap dev");
    }
}

#[test]
fn a_key_of_the_manifest_that_is_misspelt_is_told_with_the_one_that_was_meant() {
    let bell = Bell::new("");
    let file = bell.folder.path().join("manifest.json");
    let text = fs::read_to_string(&file)
        .unwrap()
        .replace("\"version\"", "\"verison\"");
    fs::write(&file, text).unwrap();
    let done = bell.hap().arg("run").output().unwrap();
    let told = bell::text(&done.stderr);
    assert_eq!(code(&done), 1, "{told}");
    assert!(told.contains("verison") && told.contains("hap check"), "{told}");
}

#[test]
#[ignore = "needs a Docker engine"]
fn a_wrong_name_of_an_image_is_told_with_how_to_look() {
    let bell = Bell::new("");
    let mut command = bell.hap();
    command.args(["test", "no-such-bell:9", "--manifest", "."]);
    ends(
        &mut command,
        3,
        "there is no image no-such-bell:9",
        "docker image ls",
    );
}
