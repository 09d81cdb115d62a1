//! The projects.

use hap_conformance::{Declaration, Level, Outcome, Report, Weight, suite, target::Program};

use super::*;

/// Where the project in Rust is built. It is the same for all runs, so that only the first one builds what it depends on.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-rust")
}

async fn conforms(project: &Project, program: Program) -> Report {
    let report = suite(program.folder(&project.path))
        .level(Level::Full)
        .declaration(Declaration::from_folder(&project.path).unwrap())
        .run()
        .await;
    assert!(report.is_success() && report.conformant, "{report}");
    let failed = report.cases.iter().filter(|case| case.outcome == Outcome::Fail);
    let failed: Vec<_> = failed.map(|case| (case.id.as_str(), case.weight)).collect();
    assert_eq!(failed, [], "{report}");
    report
}

/// What cannot be tried on a program of this machine, or is no part of a small plugin.
#[track_caller]
fn tries_all_but(report: &Report, skipped: &[&str]) {
    let cases = report.cases.iter();
    let cases = cases.filter(|case| case.outcome == Outcome::NotApplicable);
    let ids: Vec<_> = cases.map(|case| case.id.as_str()).collect();
    assert_eq!(ids, skipped, "{report}");
    assert!(report.failures(Weight::Recommended).count() == 0, "{report}");
}

const OPTIONAL: [&str; 5] = [
    "fs.read-only",
    "describe.shape",
    "metrics.text",
    "openapi.valid",
    "exit.78",
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs python3"]
async fn python_passes_its_tests_and_keeps_to_the_whole_protocol() {
    let project = Project::new("porch-bell", "python");
    let said = project.run("python3", &["-m", "unittest"]);
    assert!(said.contains("Ran 6 tests") && said.ends_with("OK\n"), "{said}");
    let report = conforms(&project, Program::new("python3").arguments(["plugin.py"])).await;
    tries_all_but(&report, &OPTIONAL);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nodejs"]
async fn node_passes_its_tests_and_keeps_to_the_whole_protocol() {
    let project = Project::new("porch-bell", "node");
    let said = project.run("node", &["--test"]);
    assert!(said.contains("# pass 6\n# fail 0"), "{said}");
    let report = conforms(&project, Program::new("node").arguments(["plugin.mjs"])).await;
    tries_all_but(&report, &OPTIONAL);
}

/// Of nothing but a shell and the tools of busybox.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs busybox"]
async fn shell_passes_its_tests_and_keeps_to_the_whole_protocol() {
    let project = Project::new("porch-bell", "shell");
    let said = project.run("sh", &["test_plugin.sh"]);
    assert!(said.ends_with("all passed\n"), "{said}");
    // One that is killed leaves its folder behind.
    let temporary = tempfile::tempdir().unwrap();
    let program = Program::new("sh").arguments(["plugin.sh"]);
    let program = program.variable("TMPDIR", temporary.path().display().to_string());
    let report = conforms(&project, program).await;
    tries_all_but(&report, &OPTIONAL);
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_passes_its_tests_and_keeps_to_the_whole_protocol() {
    let project = Project::new("porch-bell", "rust");
    // The versions that this workspace is built with, which are there without a network.
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    fs::copy(lock, project.path.join("Cargo.lock")).unwrap();
    let target = target();
    let target = target.to_str().unwrap();
    let cargo = |arguments: &[&str]| {
        let all = [arguments, &["--offline", "--target-dir", target]].concat();
        project.run("cargo", &all)
    };
    let said = cargo(&["test"]);
    assert!(said.contains("3 passed; 0 failed"), "{said}");
    cargo(&["build"]);
    project.run("cargo", &["fmt", "--check"]);
    let program = format!("{target}/debug/porch-bell");
    let report = conforms(&project, Program::new(program)).await;
    tries_all_but(&report, &["fs.read-only"]);
}

#[test]
fn the_same_command_makes_the_same_files() {
    for language in ["rust", "python", "node", "shell"] {
        let (one, other) = (Project::new("bell", language), Project::new("bell", language));
        assert_eq!(one.files(), other.files());
        for name in [
            "manifest.json",
            "conformance.json",
            "Dockerfile",
            ".dockerignore",
            ".hapignore",
            ".gitignore",
            "README.md",
            "CHANGELOG.md",
        ] {
            assert!(one.files().contains_key(name), "{language}: no {name}");
        }
    }
}

/// No name of a template is left, whatever the plugin is called.
#[test]
fn the_names_of_the_plugin_are_everywhere() {
    for language in ["rust", "python", "node", "shell"] {
        for (name, text) in Project::new("porch-light", language).files() {
            assert!(
                !text.to_lowercase().contains("hap-new"),
                "{language}/{name}: {text}"
            );
            assert!(!text.contains("Hap New"), "{language}/{name}: {text}");
            assert!(text.ends_with('\n') && !text.contains(" \n"), "{language}/{name}");
        }
    }
}

/// A manifest is read as authors should read it: every warning is a problem.
#[test]
fn the_manifests_are_without_a_warning() {
    for language in ["rust", "python", "node", "shell"] {
        let files = Project::new("porch-light", language).files();
        let manifest = hap_manifest::Manifest::from_json_strict(&files["manifest.json"]).unwrap();
        assert_eq!(manifest.id().as_str(), "porch-light");
        assert_eq!(manifest.name(), "Porch light");
    }
}

/// Advice is left: that a base image takes the permission `build`, and that a program in Rust is to be built first.
#[test]
fn nothing_is_wrong_with_a_new_project() {
    for language in ["rust", "python", "node", "shell"] {
        let project = Project::new("porch-light", language);
        let checked = hap(&project.path, &["--json", "check"]);
        assert!(checked.status.success(), "{language}: {}", text(&checked.stdout));
        let told: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
        let counts = &told["result"];
        assert_eq!(
            (&counts["errors"], &counts["warnings"]),
            (&0.into(), &0.into()),
            "{told:#}"
        );
    }
}

/// What the image needs is what its context holds, and no more: the plugin's tests and README stay out.
#[test]
fn the_context_of_the_image_is_what_it_copies() {
    for language in ["rust", "python", "node", "shell"] {
        let files = Project::new("porch-light", language).files();
        let let_in = files[".dockerignore"]
            .lines()
            .filter_map(|line| line.strip_prefix('!'));
        let copies = files["Dockerfile"]
            .lines()
            .filter_map(|line| line.strip_prefix("COPY "));
        let copied: Vec<&str> = copies
            .flat_map(|line| line.split(' ').filter(|word| !word.starts_with('/')))
            .collect();
        assert_eq!(let_in.collect::<Vec<_>>(), copied, "{language}");
        for name in copied.iter().filter(|_| language != "rust") {
            assert!(files.contains_key(*name), "{language}: no {name}");
        }
    }
}
