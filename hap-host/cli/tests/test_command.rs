//! `hap test`, as a stranger types it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "helpers of tests fail the test, and there is no runtime to block"
)]

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

fn hap(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hap"));
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .env_remove("HAP_API_TOKEN");
    command
}

/// The plugin of Python's standard library alone.
fn python() -> PathBuf {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/plugins/plugin.py");
    file.canonicalize().unwrap()
}

fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ends by itself")
}

#[test]
fn a_program_that_keeps_to_the_guide_is_told_in_a_few_lines_and_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let line = [
        "test", "--level", "guide", "--junit", "c.xml", "--report", "c.json", "--", "python3",
    ];
    let done = hap(folder.path()).args(line).arg(python()).output().unwrap();
    assert_eq!(code(&done), 0, "{done:?}");
    let told = text(&done.stdout);
    assert!(told.contains("conforms at level guide"), "{told}");
    assert_eq!(text(&done.stderr), "", "no terminal, no progress");
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("c.json")).unwrap()).unwrap();
    assert_eq!(report["conformant"], true);
    assert!(report["began"].as_str().unwrap().ends_with('Z'), "{report}");
    let junit = fs::read_to_string(folder.path().join("c.xml")).unwrap();
    assert!(junit.contains("<testcase name=\"start.healthy\""), "{junit}");
}

#[test]
fn a_report_for_programs_is_one_object() {
    let folder = tempfile::tempdir().unwrap();
    let line = ["--json", "test", "--only", "start", "--", "python3"];
    let done = hap(folder.path()).args(line).arg(python()).output().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(told["command"], "test");
    let cases = told["result"]["cases"].as_array().unwrap();
    let ids: Vec<_> = cases.iter().map(|case| case["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["start.healthy", "start.listens-everywhere"]);
}

#[test]
fn a_program_that_ends_at_once_is_told_with_its_last_lines() {
    let folder = tempfile::tempdir().unwrap();
    let line = ["test", "--", "sh", "-c", "printf 'no \\033[2Jbell\\n'; exit 7"];
    let done = hap(folder.path()).args(line).output().unwrap();
    assert_eq!(code(&done), 1, "{done:?}");
    let told = text(&done.stdout);
    assert!(
        told.contains("FAIL start.healthy") && told.contains("code 7"),
        "{told}"
    );
    assert!(told.contains("no \u{fffd}[2Jbell"), "{told:?}");
}

#[test]
fn what_cannot_be_tested_is_told_once_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[&str], i32, &str, &str); 8] = [
        (&["--", "no-such-program"], 1, "No such file", "name a program"),
        (
            &["http://127.0.0.1:1"],
            5,
            "nothing answers at http://127.0.0.1:1",
            "start the plugin first",
        ),
        (
            &["https://127.0.0.1"],
            2,
            "does not begin with http://",
            "write it as http://",
        ),
        (&["./no-such-folder"], 3, "no-such-folder", "hap new"),
        (&[], 3, "no manifest.json", "hap new"),
        (
            &["--only", "stop.now", "--", "true"],
            2,
            "no case \"stop.now\"",
            "stop.grace",
        ),
        (
            &["--junit", "no/such.xml", "--", "true"],
            2,
            "no folder no",
            "make the folder",
        ),
        (
            &["--expected", "none.json", "--", "true"],
            3,
            "none.json cannot be read",
            "the reason why",
        ),
    ];
    for (line, exit, what, help) in cases {
        let done = hap(folder.path()).arg("test").args(line).output().unwrap();
        let told = text(&done.stderr);
        assert_eq!(code(&done), exit, "{line:?}: {told}");
        assert_eq!(told.matches("error: ").count(), 1, "{told}");
        assert!(told.contains(what) && told.contains(help), "{line:?}: {told}");
        assert_eq!(text(&done.stdout), "", "{line:?}");
    }
}

#[test]
fn an_expected_failure_that_passes_fails_the_run() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("known.json"),
        r#"{"start.healthy": "it never was"}"#,
    )
    .unwrap();
    let line = [
        "test",
        "--only",
        "start.healthy",
        "--expected",
        "known.json",
        "--",
        "python3",
    ];
    let done = hap(folder.path()).args(line).arg(python()).output().unwrap();
    assert_eq!(code(&done), 1, "{done:?}");
    assert!(text(&done.stdout).contains("STALE start.healthy"), "{done:?}");
}

#[test]
fn an_interrupt_ends_the_program_and_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let mark = format!("7{}", std::process::id());
    let script = format!("sleep {mark} & sleep {mark}");
    let mut running = hap(folder.path())
        .args(["test", "--", "sh", "-c", &script])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let sleeping = || {
        let listed = Command::new("ps").args(["-eo", "args"]).output().unwrap();
        let line = format!("sleep {mark}");
        text(&listed.stdout).lines().filter(|args| *args == line).count()
    };
    wait_until(|| sleeping() == 2);
    let id = running.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let ended = running.wait().unwrap();
    assert_eq!(ended.code(), Some(130));
    wait_until(|| sleeping() == 0);
}

fn wait_until(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "it never came to be");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_report_is_signed_with_a_key_and_a_key_that_is_not_there_is_told_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let made = hap(folder.path())
        .args(["key", "new", "-o", "key"])
        .output()
        .unwrap();
    assert_eq!(code(&made), 0, "{made:?}");
    let signed = |key: &str| {
        hap(folder.path())
            .args([
                "test", "--only", "start", "--report", "c.json", "--sign", key, "--", "python3",
            ])
            .arg(python())
            .output()
            .unwrap()
    };
    let refused = signed("no-key");
    assert_eq!(code(&refused), 3, "{refused:?}");
    assert!(!folder.path().join("c.json").exists());
    let done = signed("key");
    assert_eq!(code(&done), 0, "{done:?}");
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let key = minisign::PublicKeyBox::from_string(&read("key.pub"))
        .unwrap()
        .into_public_key()
        .unwrap();
    let signature = minisign::SignatureBox::from_string(&read("c.json.minisig")).unwrap();
    let report = read("c.json");
    minisign::verify(&key, &signature, std::io::Cursor::new(report), true, false, false).unwrap();
    assert!(read("c.json.minisig").contains("conformant:yes"));
}
