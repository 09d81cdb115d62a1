//! `hap build`, as a stranger types it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail the test"
)]

mod bell;

use std::fs;

use bell::{Bell, code, docker, text};

/// A crate of its own without dependencies.
fn crate_of(bell: &Bell) {
    let folder = bell.folder.path();
    fs::create_dir(folder.join("src")).unwrap();
    fs::remove_file(folder.join("bell")).unwrap();
    let toml = "[package]\nname = \"bell\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[profile.small]\ninherits = \"release\"\nstrip = true\n\n[workspace]\n";
    fs::write(folder.join("Cargo.toml"), toml).unwrap();
    fs::write(
        folder.join("src/main.rs"),
        "fn main() {\n    println!(\"ding\");\n}\n",
    )
    .unwrap();
}

#[test]
fn a_program_in_rust_is_built_static_and_lies_where_the_dockerfile_copies_it_from() {
    let bell = Bell::new("");
    crate_of(&bell);
    let done = bell
        .hap()
        .args(["--json", "build", "--no-image"])
        .env("CARGO_TARGET_DIR", bell.folder.path().join("target"))
        .output()
        .unwrap();
    assert_eq!(code(&done), 0, "{done:?}");
    assert!(
        text(&done.stderr).contains("Finished `small`"),
        "cargo's own output: {done:?}"
    );
    let told: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let program = bell.folder.path().canonicalize().unwrap().join("bell");
    assert_eq!(
        told.pointer("/result/program").unwrap(),
        program.to_str().unwrap()
    );
    let bytes = fs::read(program).unwrap();
    let needs_loader = bytes.windows(8).any(|window| window == b"/lib64/l");
    assert!(!needs_loader, "it is static");
}

#[test]
fn what_a_build_for_another_processor_lacks_is_told_at_once() {
    let bell = Bell::new("");
    crate_of(&bell);
    let empty = tempfile::tempdir().unwrap();
    let rustc = empty.path().join("rustc");
    fs::write(&rustc, "#!/bin/sh\nexit 1\n").unwrap();
    let other = if cfg!(target_arch = "aarch64") {
        "amd64"
    } else {
        "arm64"
    };
    let done = bell
        .hap()
        .args(["build", "--no-image", "--arch", other])
        .env("RUSTC", &rustc)
        .env_remove("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER")
        .output()
        .unwrap();
    assert_eq!(code(&done), 1, "{done:?}");
    let told = text(&done.stderr);
    assert!(told.contains("rustup target add"), "{told}");
    assert!(told.contains("_LINKER"), "{told}");
}

#[test]
fn a_crate_that_does_not_compile_is_told_by_cargo_and_in_one_message() {
    let bell = Bell::new("");
    crate_of(&bell);
    fs::write(bell.folder.path().join("src/main.rs"), "fn main() { ding }\n").unwrap();
    let done = bell
        .hap()
        .args(["build", "--no-image"])
        .env("CARGO_TARGET_DIR", bell.folder.path().join("target"))
        .output()
        .unwrap();
    assert_eq!(code(&done), 1, "{done:?}");
    let told = text(&done.stderr);
    assert!(told.contains("cannot find value `ding`"), "{told}");
    assert!(
        told.contains("error: cargo did not build the program bell"),
        "{told}"
    );
}

/// The owner of a folder chose what its image begins with, and nothing runs while it is built.
#[test]
fn a_base_image_needs_no_word_of_who_has_the_folder() {
    let bell = Bell::new("");
    let dockerfile = bell.folder.path().join("Dockerfile");
    fs::write(dockerfile, "ARG BASE=bell-base:1\nFROM $BASE\nCOPY bell /bell\n").unwrap();
    // It gets as far as the engine, which is none.
    let mut command = bell.hap();
    let done = command
        .arg("build")
        .env("DOCKER_HOST", "unix:///no/such.sock")
        .output();
    let done = done.unwrap();
    assert_eq!(code(&done), 5, "{done:?}");
}

#[test]
fn a_dockerfile_that_runs_programs_is_refused_with_what_lets_it() {
    let bell = Bell::new("");
    fs::write(
        bell.folder.path().join("Dockerfile"),
        "FROM scratch\nCOPY bell /bell\nRUN [\"/bell\"]\n",
    )
    .unwrap();
    let done = bell.hap().arg("build").output().unwrap();
    assert_eq!(code(&done), 4, "{done:?}");
    let told = text(&done.stderr);
    assert!(
        told.contains("line 3: RUN") && told.contains("--grant build"),
        "{told}"
    );
}

#[test]
#[ignore = "needs a Docker engine"]
fn an_image_is_built_under_the_name_and_for_the_processor_that_are_asked_for() {
    let bell = Bell::new("");
    let named = format!("{}:0.1.0", bell.id);
    let other = format!("{}:arm", bell.id);
    let first = bell.hap().args(["build"]).output().unwrap();
    let second = bell
        .hap()
        .args(["build", "--arch", "arm64", "--tag", &other])
        .output()
        .unwrap();
    let arch = |image: &str| docker(&["image", "inspect", "--format", "{{.Architecture}}", image]);
    let found = (arch(&named), arch(&other));
    docker(&["rmi", &named, &other]);
    assert_eq!((code(&first), code(&second)), (0, 0), "{first:?}\n{second:?}");
    let here = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    assert_eq!(found, (vec![here.to_owned()], vec!["arm64".to_owned()]));
    assert!(text(&first.stdout).contains(&named), "{first:?}");
}
