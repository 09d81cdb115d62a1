//! Plugins that no Rust touches, and the one of the README.

use super::*;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs python3"]
async fn python_of_the_standard_library_conforms_in_full() {
    let report = python(Level::Full, "").run().await;
    assert!(report.is_success() && report.conformant, "{report}");
    for weight in [Weight::Recommended, Weight::Optional] {
        assert!(ids(&report, weight, Outcome::Fail).is_empty(), "{report}");
    }
    let skipped: Vec<_> = report
        .cases
        .iter()
        .filter(|case| case.outcome == Outcome::NotApplicable)
        .collect();
    let skipped: Vec<_> = skipped.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(skipped, ["fs.read-only", "openapi.valid"], "{report}");
}

/// A project of `hap new` as it lies in its template, of nothing but a shell and the tools of busybox.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs busybox"]
async fn a_shell_script_conforms_to_the_guide() {
    let templates = document::path("../hap-host/cli/templates");
    let temporary = tempfile::tempdir().unwrap();
    let target = Program::new("sh")
        .arguments(["plugin.sh"])
        .folder(templates.join("shell"))
        // One that is killed leaves its folder behind.
        .variable("TMPDIR", temporary.path().display().to_string());
    let declaration = Declaration::from_folder(templates.join("common")).unwrap();
    let report = suite(target).declaration(declaration).run().await;
    assert!(report.is_success() && report.conformant, "{report}");
    for weight in [Weight::Recommended, Weight::Optional] {
        assert!(ids(&report, weight, Outcome::Fail).is_empty(), "{report}");
    }
}

fn guide_only(command: &str) -> Declaration {
    let inputs =
        serde_json::json!({"commands": [{"command": command}], "config": {"valid": {"setting1": "value1"}}});
    let manifest = Manifest::builder("my-plugin", "Mine", "1.0.0", "mine:1")
        .build()
        .unwrap();
    Declaration::of(&manifest).inputs(inputs.to_string().parse().unwrap())
}

/// Fifteen lines of a web framework are a plugin.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs python3-flask"]
async fn flask_conforms_to_the_guide_and_is_told_what_is_missing_in_full() {
    let target = Program::new("python3").arguments([fixture("flask_app.py")]);
    let declaration = guide_only("turn_on");
    let report = suite(target.clone()).declaration(declaration.clone()).run().await;
    assert!(report.is_success(), "{report}");
    assert_eq!(
        ids(&report, Weight::Recommended, Outcome::Fail),
        [
            "config.not-an-object",
            "hostile.array",
            "hostile.text",
            "hostile.no-command",
            "hostile.deep"
        ],
        "{report}"
    );
    let report = suite(target)
        .level(Level::Full)
        .declaration(declaration)
        .run()
        .await;
    assert_eq!(
        ids(&report, Weight::Required, Outcome::Fail),
        [
            "config.not-an-object",
            "hostile.array",
            "hostile.text",
            "hostile.no-command",
            "hostile.deep",
            "hostile.refusal-shape",
            "hostile.pipelined",
            "auth.missing",
            "auth.wrong",
            "auth.prefix",
            "stop.exit-0",
        ],
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nodejs"]
async fn node_of_the_standard_library_conforms_in_full() {
    let target = Program::new("node").arguments([fixture("plugin.mjs")]);
    let report = suite(target)
        .level(Level::Full)
        .declaration(guide_only("turn_on"))
        .run()
        .await;
    assert!(report.is_success(), "{report}");
    assert!(
        ids(&report, Weight::Recommended, Outcome::Fail).is_empty(),
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs golang-go"]
async fn go_of_the_standard_library_conforms_in_full() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("plugin");
    let built = std::process::Command::new("go")
        .args(["build", "-o"])
        .args([&program, &fixture("plugin.go")])
        // It needs no C, no module of others, and nothing of whoever runs the test.
        .envs([
            ("CGO_ENABLED", "0"),
            ("GOTOOLCHAIN", "local"),
            ("GO111MODULE", "off"),
        ])
        .env("GOCACHE", folder.path().join("cache"))
        .status()
        .unwrap();
    assert!(built.success(), "the fixture compiles");
    let report = suite(Program::new(program))
        .level(Level::Full)
        .declaration(guide_only("turn_on"))
        .run()
        .await;
    assert!(report.is_success(), "{report}");
    assert!(
        ids(&report, Weight::Recommended, Outcome::Fail).is_empty(),
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plugin_of_the_readme_conforms_in_full() {
    let readme = fs::read_to_string(document::path("../README.md")).unwrap();
    let code = readme
        .split("```rust,no_run\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    assert!(code.contains("struct Greeter;"), "{code}");
    let program = include_str!("../../src/bin/greeter.rs");
    // How it is broken into lines is another matter.
    let bare = |text: &str| text.replace([' ', '\n', ','], "");
    assert!(
        bare(program).contains(&bare(code)),
        "src/bin/greeter.rs is another program than that of the README"
    );

    let inputs = r#"{"commands": [{"command": "hello", "params": {"name": "Ada"}}]}"#;
    let manifest = Manifest::builder("greeter", "Greeter", "0.1.0", "greeter:1")
        .build()
        .unwrap();
    let report = suite(Program::new(env!("CARGO_BIN_EXE_greeter")))
        .level(Level::Full)
        .declaration(Declaration::of(&manifest).inputs(inputs.parse().unwrap()))
        .run()
        .await;
    assert!(report.is_success() && report.conformant, "{report}");
    assert!(
        ids(&report, Weight::Recommended, Outcome::Fail).is_empty(),
        "{report}"
    );
}
