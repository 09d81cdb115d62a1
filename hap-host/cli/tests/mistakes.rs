//! The likeliest mistakes: each ends in one message that says what to do.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail the test"
)]

mod bell;

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command, sync::OnceLock};

use bell::{Bell, code, text};
use tempfile::TempDir;

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

/// The socket of the machine's engine, for whoever may not use it.
#[test]
#[ignore = "needs a Docker engine and root"]
fn a_socket_that_the_user_may_not_use_is_told_with_how_to_be_let_in() {
    let bell = Bell::new("");
    let all_may = fs::Permissions::from_mode(0o777);
    fs::set_permissions(bell.folder.path(), all_may).unwrap();
    for line in [&["run"][..], &["build"], &["test", "bell:1", "--manifest", "."]] {
        // The program may lie where only root looks.
        let mut command = Command::new("setpriv");
        command
            .args([
                "--reuid",
                "65534",
                "--regid",
                "65534",
                "--clear-groups",
                "--inh-caps=-all",
            ])
            .arg(readable_hap())
            .args(line)
            .current_dir(bell.folder.path())
            .env("XDG_STATE_HOME", bell.folder.path().join(".state"));
        ends(
            &mut command,
            5,
            "may this user open the socket?",
            "usermod -aG docker",
        );
    }
}

/// A copy of the command that every user may run.
fn readable_hap() -> PathBuf {
    static COPY: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = COPY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let path = folder.path().join("hap");
        fs::copy(env!("CARGO_BIN_EXE_hap"), &path).unwrap();
        (folder, path)
    });
    path.clone()
}

#[test]
#[ignore = "needs a Docker engine and root"]
fn a_full_disk_is_told_and_nothing_is_left() {
    let bell = Bell::new("");
    let state = bell.folder.path().join(".state");
    fs::create_dir(&state).unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(&state)
        .status();
    assert!(mount.unwrap().success(), "mounting needs root");
    let done = bell.hap().arg("run").output().unwrap();
    let unmount = Command::new("umount").arg(&state).status();
    assert!(unmount.unwrap().success());
    let told = text(&done.stderr);
    assert_eq!(code(&done), 1, "{told}");
    assert_eq!(told.matches("error: ").count(), 1, "{told}");
    assert!(told.contains("full"), "{told}");
    assert_eq!(bell.left(), [""; 0]);
}

#[test]
fn a_package_that_is_too_large_is_told_with_the_bound_and_the_way_out() {
    let bell = Bell::new("");
    let file = fs::File::create(bell.folder.path().join("film.bin")).unwrap();
    file.set_len(300 << 20).unwrap();
    let done = bell.hap().arg("package").output().unwrap();
    let told = format!("{}{}", text(&done.stdout), text(&done.stderr));
    assert_eq!(code(&done), 1, "{told}");
    assert!(told.contains("film.bin") && told.contains(".hapignore"), "{told}");
    let packages = fs::read_dir(bell.folder.path()).unwrap().flatten();
    assert!(
        packages
            .into_iter()
            .all(|entry| entry.path().extension().is_none_or(|end| end != "zip"))
    );
}
