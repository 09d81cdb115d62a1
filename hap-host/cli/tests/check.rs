//! `hap check`, as a person runs it.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};

const DOCKERFILE: &str = "FROM scratch\nCOPY run /run\nUSER 1000\nEXPOSE 80\nENTRYPOINT [\"/run\"]\n";

/// A plugin with one warning, EXPOSE, and some advice.
fn plugin() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let manifest = json!({
        "id": "bell", "name": "Bell", "version": "1.0.0", "author": "Example Home",
        "description": "Rings when somebody is at the door", "image": "example/bell:1.0.0",
    });
    let readme = format!("# bell\n\n{}\n", "It rings at the door. ".repeat(8));
    for (name, text) in [
        ("manifest.json", manifest.to_string().as_str()),
        ("Dockerfile", DOCKERFILE),
        ("README.md", &readme),
        ("run", "x"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let run = folder.path().join("run");
    fs::set_permissions(run, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

fn check(arguments: &[&str], path: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hap"));
    command.arg("check").args(arguments);
    if !path.as_os_str().is_empty() {
        command.arg(path);
    }
    command.output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn warnings_fail_a_check_that_denies_them_and_no_other() {
    let plugin = plugin();
    for (arguments, code) in [
        (&[][..], 0),
        (&["--deny", "warnings"], 1),
        (&["--deny", "HAP304"], 1),
        (&["--deny", "hap304"], 1),
        (&["--deny", "HAP301,HAP305"], 0),
        (&["--deny", "warnings", "--allow", "HAP304"], 0),
        (&["--deny", "advice", "--allow", "HAP304"], 1),
        (&["--deny", "HAP7"], 2),
        (&["--allow", "everything"], 2),
    ] {
        let output = check(arguments, plugin.path());
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {output:?}");
    }
    let output = check(&[], plugin.path());
    let text = text(&output);
    assert!(text.contains("warning[HAP304]: EXPOSE \"80\""), "{text}");
    assert!(
        text.contains(" --> Dockerfile:4:8\n  |\n4 | EXPOSE 80\n  |        ^^\n"),
        "{text}"
    );
    assert!(text.contains("1 warning, "), "{text}");
}

#[test]
fn an_error_always_fails_and_the_plugin_may_allow_it_for_a_reason() {
    let plugin = plugin();
    fs::write(plugin.path().join(".env"), "A=b").unwrap();
    let output = check(&["--json"], plugin.path());
    assert_eq!(output.status.code(), Some(1));
    let json = json(&output);
    assert_eq!(
        (&json["result"]["errors"], &json["result"]["denied"]),
        (&json!(1), &json!(1))
    );
    let found = json["result"]["findings"].as_array().unwrap();
    let finding = found.iter().find(|finding| finding["id"] == "HAP501").unwrap();
    assert_eq!(
        (&finding["file"], &finding["denied"]),
        (&json!(".env"), &json!(true))
    );
    fs::write(plugin.path().join(".hapcheck"), "HAP501 an example for tests\n").unwrap();
    assert_eq!(check(&[], plugin.path()).status.code(), Some(0));
}

#[test]
fn a_manifest_or_a_package_may_be_named_and_what_is_not_there_is_said() {
    let plugin = plugin();
    let manifest = plugin.path().join("manifest.json");
    assert!(text(&check(&[], &manifest)).contains("HAP304"));
    let options = hap_manifest::package::PackOptions::new();
    let package = hap_manifest::package::pack(plugin.path(), &options).unwrap();
    let zip = plugin.path().join("bell.zip");
    fs::write(&zip, package.into_bytes()).unwrap();
    let output = check(&["--deny", "warnings"], &zip);
    assert!(
        output.status.code() == Some(1) && text(&output).contains("HAP304"),
        "{output:?}"
    );
    fs::write(&zip, "PK").unwrap();
    let output = check(&[], &zip);
    assert!(
        output.status.code() == Some(1) && text(&output).contains("HAP210"),
        "{output:?}"
    );
    let output = check(&[], &plugin.path().join("nowhere"));
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn rules_are_listed_and_explained() {
    let output = check(&["--rules"], Path::new(""));
    let lines = text(&output).lines().count();
    assert!(lines >= 60 && text(&output).contains("HAP305  warning  the program is started by a shell"));
    let output = check(&["--explain", "hap305"], Path::new(""));
    assert!(text(&output).contains("SIGTERM") && text(&output).contains("Good:"));
    let output = check(&["--json", "--explain", "HAP305"], Path::new(""));
    assert_eq!(json(&output)["result"]["severity"], "warning");
    assert_eq!(
        check(&["--explain", "HAP1"], Path::new("")).status.code(),
        Some(2)
    );
}
