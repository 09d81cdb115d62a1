//! What the compiler says about the mistakes that authors make first: each program in `ui` does not compile, and what it is
//! told has every line in it that the program begins with, behind `//~`.
//!
//! Not the whole of what the compiler says: that changes with the compiler, and the advice must not.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as the tests do")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

#[test]
fn the_likeliest_mistakes_are_told_with_advice() {
    let programs = programs();
    assert!(programs.len() >= 5, "{programs:?}");
    let told = compile(&programs);
    let mut wrong = String::new();
    for (name, source) in &programs {
        let said = told.get(name).map(String::as_str).unwrap_or_default();
        let mut advice = source
            .lines()
            .map_while(|line| line.strip_prefix("//~ "))
            .peekable();
        assert!(
            advice.peek().is_some(),
            "{name} does not say what it is to be told"
        );
        for line in advice.filter(|line| !said.contains(line)) {
            writeln!(wrong, "{name}: {line:?} is missing in\n{said}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The programs by their names.
fn programs() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files
        .map(|file| {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(file).unwrap())
        })
        .collect()
}

/// What the compiler says about each program. They are programs of one package that depends on what an author's does.
fn compile(programs: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui");
    let _ = fs::remove_dir_all(&package);
    fs::create_dir_all(package.join("src/bin")).unwrap();
    for (name, source) in programs {
        fs::write(package.join(format!("src/bin/{name}.rs")), source).unwrap();
    }
    let manifest = format!(
        r#"
            [package]
            name = "ui"
            edition = "2024"
            [workspace]
            [dependencies]
            hap-plugin = {{ path = {here:?} }}
            schemars = "1"
            serde = {{ version = "1", features = ["derive"] }}
            serde_json = "1"
            tokio = {{ version = "1", features = ["macros", "rt-multi-thread"] }}
        "#
    );
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    // The versions that are there already.
    fs::copy(here.join("../Cargo.lock"), package.join("Cargo.lock")).unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "check",
            "--offline",
            "--keep-going",
            "--bins",
            "--message-format=json",
        ])
        .arg("--target-dir")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap())
        .current_dir(&package)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let mut told = BTreeMap::<String, String>::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let rendered = message.pointer("/message/rendered").and_then(Value::as_str);
        let program = message.pointer("/target/name").and_then(Value::as_str);
        if let (Some(rendered), Some(program)) = (rendered, program) {
            told.entry(program.to_owned()).or_default().push_str(rendered);
        }
    }
    assert!(!told.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    told
}
