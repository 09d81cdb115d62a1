//! Small changes that break the protocol, each with the case of the conformance suite that is meant for it: how many of
//! them the suite finds.
//!
//! `cargo bench -p hap-tests --bench mutations` (needs no engine; some minutes, nearly all of them for compiling the light
//! once for each change of `hap-plugin`). With `-- NAME` one change alone. Fails when one is not found.
#![expect(
    clippy::print_stdout,
    reason = "printing what was found is what this program is for"
)]

mod table;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use hap_conformance::{Declaration, Inputs, Level, Outcome, Report, suite, target::Program};
use hap_manifest::Manifest;
use hap_tests::measure::{Failure, argument};
use table::{FLASK, Mutation, PLUGIN};
use tempfile::TempDir;

#[tokio::main]
async fn main() -> ExitCode {
    match all(argument().as_deref()).await {
        Ok(missed) if missed.is_empty() => ExitCode::SUCCESS,
        Ok(missed) => {
            println!("not found: {}", missed.join(", "));
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Tries all, or the one that is named, and returns those that no case found.
async fn all(only: Option<&str>) -> Result<Vec<&'static str>, Failure> {
    let chosen = |mutation: &&Mutation| only.is_none_or(|only| mutation.name == only);
    let mut missed = Vec::new();
    for mutation in FLASK.iter().filter(chosen) {
        let report = flask(mutation).await?;
        missed.extend(told("Flask", mutation, &report));
    }
    let sources = Sources::copied()?;
    for mutation in PLUGIN.iter().filter(chosen) {
        let report = sources.light(mutation).await?;
        missed.extend(told("hap-plugin", mutation, &report));
    }
    Ok(missed)
}

fn told(what: &str, mutation: &Mutation, report: &Report) -> Option<&'static str> {
    let failed = |id: &str| {
        let mut cases = report.cases.iter();
        cases.any(|case| case.id == id && case.outcome == Outcome::Fail)
    };
    let is_found = failed(mutation.case);
    let others: Vec<&str> = report
        .cases
        .iter()
        .filter(|case| case.outcome == Outcome::Fail && case.id != mutation.case)
        .map(|case| case.id.as_str())
        .collect();
    println!(
        "{} {what}: {}, by {}{}",
        if is_found { "found" } else { "MISSED" },
        mutation.name,
        mutation.case,
        if others.is_empty() {
            String::new()
        } else {
            format!(" (also {})", others.join(", "))
        }
    );
    (!is_found).then_some(mutation.name)
}

fn changed(path: &Path, mutation: &Mutation) -> Result<String, Failure> {
    let text = fs::read_to_string(path)?;
    match text.matches(mutation.find).count() {
        1 => Ok(text.replacen(mutation.find, mutation.replace, 1)),
        times => Err(format!("{}: {:?} is there {times} times", mutation.name, mutation.find).into()),
    }
}

/// The plugin of fifteen lines, with one of them changed.
async fn flask(mutation: &Mutation) -> Result<Report, Failure> {
    let original = Path::new(env!("CARGO_MANIFEST_DIR")).join(mutation.file);
    let folder = TempDir::new()?;
    let program = folder.path().join("app.py");
    fs::write(&program, changed(&original, mutation)?)?;
    let manifest = Manifest::builder("motion", "Motion", "1.0.0", "motion:1").build()?;
    let inputs: Inputs =
        r#"{"commands": [{"command": "turn_on"}], "config": {"valid": {"level": 3}}}"#.parse()?;
    let run = suite(Program::new("python3").arguments([program]))
        .level(Level::Guide)
        .declaration(Declaration::of(&manifest).inputs(inputs));
    Ok(run.run().await)
}

/// A copy of what the light is built from.
struct Sources {
    folder: TempDir,
    target: PathBuf,
}

impl Sources {
    fn copied() -> Result<Self, Failure> {
        let folder = TempDir::with_prefix("hap-mutations-")?;
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let listed = Command::new("git")
            .args([
                "ls-files",
                "Cargo.lock",
                "Cargo.toml",
                "hap-manifest",
                "hap-plugin",
                "examples/light",
            ])
            .current_dir(&from)
            .output()?;
        for file in String::from_utf8(listed.stdout)?.lines() {
            let to = folder.path().join(file);
            fs::create_dir_all(to.parent().ok_or("no folder")?)?;
            fs::copy(from.join(file), to)?;
        }
        let manifest = fs::read_to_string(folder.path().join("Cargo.toml"))?;
        let mut lines: Vec<&str> = manifest
            .lines()
            .filter(|line| !line.starts_with("hap-host =") && !line.starts_with("hap-conformance ="))
            .collect();
        for line in &mut lines {
            if line.starts_with("members =") {
                *line = r#"members = ["hap-manifest", "hap-plugin", "examples/light"]"#;
            }
        }
        fs::write(folder.path().join("Cargo.toml"), lines.join("\n"))?;
        // Its tests, and what only they need, are not built.
        let light = folder.path().join("examples/light/Cargo.toml");
        let text = fs::read_to_string(&light)?;
        let (before, rest) = text.split_once("[dev-dependencies]").ok_or("no tests")?;
        let (_, after) = rest.split_once("[lints]").ok_or("no lints")?;
        fs::write(&light, format!("{before}[lints]{after}"))?;
        let target = folder.path().join("target");
        Ok(Self { folder, target })
    }

    /// The report on the light, built with this change.
    async fn light(&self, mutation: &Mutation) -> Result<Report, Failure> {
        let file = self.folder.path().join(mutation.file);
        let original = fs::read_to_string(&file)?;
        fs::write(&file, changed(&file, mutation)?)?;
        let built = Command::new("cargo")
            .args(["build", "--quiet", "--offline", "-p", "light"])
            .current_dir(self.folder.path())
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_INCREMENTAL", "1")
            .env("RUSTFLAGS", "-A warnings")
            .output()?;
        fs::write(&file, original)?;
        if !built.status.success() {
            let said = String::from_utf8_lossy(&built.stderr).into_owned();
            return Err(format!("{} does not compile:\n{said}", mutation.name).into());
        }
        let run = suite(Program::new(self.target.join("debug/light")))
            .level(Level::Full)
            .declaration(Declaration::from_folder(
                self.folder.path().join("examples/light"),
            )?);
        Ok(run.run().await)
    }
}
