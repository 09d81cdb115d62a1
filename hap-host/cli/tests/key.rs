//! `hap key`, as a person runs it.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use hap_manifest::package::PackageKey;
use serde_json::Value;

fn hap(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hap"));
    command.args(arguments).current_dir(home);
    command.env_clear().env("HOME", home).stdin(Stdio::null());
    command
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_key_is_made_where_settings_lie_and_its_public_half_is_told() {
    let home = tempfile::tempdir().unwrap();
    let output = hap(home.path(), &["key", "new"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let secret = home.path().join(".config/hap/key");
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    let public: PackageKey = fs::read_to_string(home.path().join(".config/hap/key.pub"))
        .unwrap()
        .parse()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        public.id().as_str(),
        &public.to_string(),
        "trust_keys",
        "has no password",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let secret = fs::read_to_string(secret).unwrap();
    assert!(!text.contains(secret.lines().nth(1).unwrap()));
}

#[test]
fn the_usual_variable_moves_it() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("elsewhere");
    let mut command = hap(home.path(), &["--json", "key", "new"]);
    let output = command.env("XDG_CONFIG_HOME", &config).output().unwrap();
    assert_eq!(
        json(&output)["result"]["secret_file"],
        config.join("hap/key").to_str().unwrap()
    );
}

#[test]
fn a_second_key_is_refused_and_with_force_the_first_gets_another_name() {
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| hap(home.path(), arguments).output().unwrap();
    assert!(run(&["key", "new", "-o", "k"]).status.success());
    let first = fs::read(home.path().join("k")).unwrap();
    let refused = run(&["--json", "key", "new", "-o", "k"]);
    assert_eq!(refused.status.code(), Some(6));
    assert_eq!(json(&refused)["code"], "already_there");
    assert_eq!(fs::read(home.path().join("k")).unwrap(), first);
    assert!(run(&["key", "new", "-o", "k", "--force"]).status.success());
    assert_eq!(fs::read(home.path().join("k.old-1")).unwrap(), first);
}

#[test]
fn a_password_comes_from_standard_input_and_locks_the_key() {
    let home = tempfile::tempdir().unwrap();
    let mut command = hap(
        home.path(),
        &["--json", "key", "new", "-o", "k", "--password-stdin"],
    );
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().expect("standard input is piped");
    stdin.write_all(b"open sesame\n").unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(json(&output)["result"]["has_password"], true);
    let secret = fs::read_to_string(home.path().join("k")).unwrap();
    assert!(
        secret.lines().nth(1).unwrap().starts_with("RWRTY0Iy"),
        "it is not locked"
    );
    let empty = hap(home.path(), &["key", "new", "-o", "l", "--password-stdin"])
        .output()
        .unwrap();
    assert_eq!(empty.status.code(), Some(2), "{empty:?}");
}
