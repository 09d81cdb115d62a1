//! What the guide and the READMEs print of `hap`, done.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The lines of a page, which must have these one behind the other.
#[track_caller]
fn prints(page: &str, lines: &[&str]) {
    let text = fs::read_to_string(root().join(page)).unwrap();
    let printed: Vec<&str> = text.lines().collect();
    let found = printed.windows(lines.len()).any(|window| window == lines);
    assert!(found, "{lines:#?} in {page}");
}

/// A folder in which `hap new bell` was typed.
fn bell() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = hap(folder.path(), &["new", "bell"], "");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // The versions that this workspace is built with, which are there without a network.
    fs::copy(root().join("Cargo.lock"), folder.path().join("bell/Cargo.lock")).unwrap();
    folder
}

fn start(folder: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_hap"))
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_NET_OFFLINE", "true")
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-rust"),
        )
        .env("XDG_STATE_HOME", folder.join(".state"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn hap(folder: &Path, arguments: &[&str], typed: &str) -> Output {
    let mut child = start(folder, arguments);
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_bell_is_made_runs_and_answers_as_the_guide_prints_it() {
    let install = "cargo install --path hap-host/cli    # once, in the root of this repository";
    prints(
        "docs/guide-plugin.md",
        &["```sh", install, "hap new bell", "cd bell", "hap dev", "```"],
    );
    prints(
        "README.md",
        &["```sh", install, "hap new bell", "cd bell", "hap dev", "```"],
    );
    prints(
        "hap-plugin/README.md",
        &["```sh", "hap new bell", "cd bell", "hap dev", "```"],
    );
    let answers = [
        "ok rang 2 times",
        "event bell.rung {\"times\":2,\"volume\":50}",
        "ok Configuration updated",
    ];
    prints(
        "docs/guide-plugin.md",
        &[
            "ring times=2",
            answers[0],
            answers[1],
            ":config {\"volume\": 7}",
            answers[2],
            ":help",
        ],
    );
    let folder = bell();
    let bell = folder.path().join("bell");
    let typed = "ring times=2\n:config {\"volume\": 7}\n:help\n:quit\n";
    let output = hap(&bell, &["dev"], typed);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for answer in answers {
        assert!(
            said.lines().any(|line| line.starts_with(answer)),
            "{answer} in {said}"
        );
    }
    prints(
        "docs/guide-plugin.md",
        &["```sh", "hap check", "hap test .", "```"],
    );
    let checked = hap(&bell, &["check"], "");
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stdout)
    );
    // Folders in containers are what the tests of `hap test` are about.
    let tested = hap(&bell, &["test", ".", "--no-docker"], "");
    let said = String::from_utf8_lossy(&tested.stdout);
    assert!(tested.status.success(), "{said}");
    assert!(said.contains("conforms at level full"), "{said}");
}

/// From nothing to a plugin that runs in a container, with nothing else typed, and then in containers through the whole suite.
#[test]
#[ignore = "needs a Docker engine"]
fn a_bell_runs_in_a_container_and_conforms_there_in_full() {
    prints("docs/guide-plugin.md", &["```sh", "hap run", "```"]);
    let folder = bell();
    let bell = folder.path().join("bell");
    let mut running = start(&bell, &["run"]);
    let output = BufReader::new(running.stdout.take().unwrap());
    let mut said: Vec<String> = Vec::new();
    for line in output.lines().map_while(Result::ok) {
        said.push(line);
        if said.last().is_some_and(|line| line == "-- healthy") {
            // The first time is enough: the reader is not needed any more.
            let id = running.id().to_string();
            assert!(
                Command::new("kill")
                    .args(["-INT", &id])
                    .status()
                    .unwrap()
                    .success()
            );
        }
    }
    let ended = running.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(said.iter().any(|line| line == "-- healthy"), "{said:#?}{errors}");
    assert_eq!(ended.status.code(), Some(130), "{errors}");
    let tested = hap(&bell, &["test", "."], "");
    let said = String::from_utf8_lossy(&tested.stdout);
    assert!(
        tested.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&tested.stderr)
    );
    assert!(said.contains("conforms at level full"), "{said}");
    assert!(said.contains("required     59 of 59 pass"), "{said}");
}

/// In containers where an engine answers, and else as programs, as the page says.
#[test]
fn the_page_on_conformance_prints_what_tests_a_plugin() {
    let page = "docs/conformance.md";
    prints(
        page,
        &[
            "```sh",
            "hap test                                  # in containers where an engine answers, else as a program",
            "hap test --no-docker --junit report.xml --report report.json",
            "hap test -- python3 plugin.py             # any program",
            "hap test http://127.0.0.1:8000            # one that runs already",
            "```",
        ],
    );
    prints(
        page,
        &[
            "```sh",
            "hap key new",
            "hap test ./bell --level full --report bell.report.json --sign ~/.config/hap/key",
            "```",
        ],
    );
    let folder = bell();
    let bell = folder.path().join("bell");
    let done = |folder: &Path, arguments: &[&str]| {
        let output = hap(folder, arguments, "");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{arguments:?}: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    done(
        &bell,
        &[
            "test",
            "--no-docker",
            "--junit",
            "report.xml",
            "--report",
            "report.json",
        ],
    );
    for file in ["report.xml", "report.json"] {
        assert!(bell.join(file).is_file(), "{file}");
    }

    let key = folder.path().join(".config/hap/key");
    done(folder.path(), &["key", "new", "-o", key.to_str().unwrap()]);
    let signed = ["--report", "bell.report.json", "--sign", key.to_str().unwrap()];
    done(
        folder.path(),
        &[["test", "./bell", "--level", "full"].as_slice(), &signed].concat(),
    );
    assert!(folder.path().join("bell.report.json.minisig").is_file());

    done(folder.path(), &["new", "chime", "--lang", "python"]);
    let chime = folder.path().join("chime");
    done(&chime, &["test", "--", "python3", "plugin.py"]);
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut running = Command::new("python3")
        .arg("plugin.py")
        .current_dir(&chime)
        .env("PORT", port.to_string())
        .env("HAP_DATA_DIR", folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It says by itself when nothing answers yet.
    let began = Instant::now();
    let tested = loop {
        let tested = hap(folder.path(), &["test", &format!("http://127.0.0.1:{port}")], "");
        if tested.status.code() != Some(5) || began.elapsed() > Duration::from_secs(60) {
            break tested;
        }
    };
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(tested.status.success(), "{tested:?}");
}

/// Into a folder of its own, and as the tests are built: a release takes minutes.
#[test]
fn hap_is_installed_by_the_command_of_the_readme() {
    let install = "cargo install --path hap-host/cli    # in the root of this repository";
    prints("hap-host/cli/README.md", &["```sh", install, "hap --help", "```"]);
    let folder = tempfile::tempdir().unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let output = Command::new("cargo")
        .args([
            "install",
            "--path",
            "hap-host/cli",
            "--debug",
            "--locked",
            "--offline",
            "--root",
        ])
        .arg(folder.path())
        .arg("--target-dir")
        .arg(target)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let help = Command::new(folder.path().join("bin/hap"))
        .arg("--help")
        .output()
        .unwrap();
    assert!(help.status.success());
}
