//! What is shown to people: names, steps of a build, output, errors.

use std::fs;

use hap_host::{
    ErrorKind, PluginSource, ShutdownMode, Supervisor,
    engine::{FakeEngine, LogOptions, Progress, ProgressSink},
};
use hap_manifest::Manifest;
use hap_tests::docker::{Fixture, Instance, image};

/// Sets the title of a terminal, clears it, and writes over the line.
const ESCAPES: &str = "\u{1b}]0;pwned\u{7}\u{1b}[2J\u{9b}2J\rok";

/// Whether a text could steer a terminal.
fn steers(text: &str) -> bool {
    text.chars().any(|c| c.is_control() && c != '\n')
}

fn manifest_text(image: &str, extra: &str) -> String {
    format!(
        r#"{{"id":"evil","name":"Evil","version":"1.0.0","description":"d","author":"a","image":"{image}",
            "network_access":false{extra}}}"#
    )
}

async fn supervisor(instance: &Instance, state: &std::path::Path) -> Supervisor {
    let builder = Supervisor::builder(instance.engine().clone(), state);
    builder.instance(instance.name().clone()).start().await.unwrap()
}

/// What an installation of a Dockerfile tells of its steps, and how it ends.
async fn built(instance: &Instance, dockerfile: &str) -> (Vec<String>, Result<(), hap_host::Error>) {
    let (state, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let supervisor = supervisor(instance, state.path()).await;
    let image = format!("hap-tests-evil-{}:1", std::process::id());
    fs::write(folder.path().join("manifest.json"), manifest_text(&image, "")).unwrap();
    fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
    fs::write(folder.path().join("file"), "content").unwrap();
    let (sink, mut stream) = ProgressSink::stream();
    let source = PluginSource::folder(folder.path());
    let installed = supervisor.install(source).progress(sink).await.map(drop);
    let mut steps = Vec::new();
    while let Some(progress) = stream.next().await {
        if let Progress::Step(step) = progress {
            steps.push(step);
        }
    }
    if let Some(plugin) = supervisor.plugins().pop() {
        plugin.uninstall().await.unwrap();
        supervisor.prune_images().await.unwrap();
    }
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    (steps, installed)
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s14_no_step_or_error_of_a_build_steers_a_terminal() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let long = "x".repeat(50_000);
    let good = format!("FROM scratch\nLABEL b=\"{long}\"\nCOPY file /file\n");
    let (steps, installed) = built(&instance, &good).await;
    assert!(installed.is_ok(), "{installed:?}");
    assert!(
        !steps.is_empty() && steps.iter().all(|step| !steps_badly(step)),
        "{steps:?}"
    );

    // A Dockerfile that hides something from its reader is built by nobody.
    let escapes = ESCAPES.replace('\r', "");
    for bad in [
        format!("FROM scratch\nLABEL a=\"{escapes}\"\nCOPY file /file\n"),
        format!("FROM scratch\nCOPY missing{escapes} /file\n"),
    ] {
        let (steps, installed) = built(&instance, &bad).await;
        let error = installed.unwrap_err();
        assert_eq!((error.kind(), steps.len()), (ErrorKind::NotPermitted, 0));
        for text in [error.to_string(), error.report(), format!("{error:?}")] {
            assert!(!steers(&text) && text.contains("control character"), "{text:?}");
        }
    }
}

fn steps_badly(step: &str) -> bool {
    steers(step) || step.contains('\n') || step.chars().count() > 600
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn s14_no_last_line_and_no_line_of_output_steers_a_terminal() {
    let Some(instance) = Instance::new().await else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let supervisor = supervisor(&instance, state.path()).await;
    let image = image(instance.engine(), Fixture::Faulty).await;
    let says = serde_json::to_string(&format!("complain:{ESCAPES}")).unwrap();
    let extra = format!(r#","env_vars":{{"FAULT":{says}}}"#);
    let manifest = Manifest::from_json(&manifest_text(image.as_ref(), &extra)).unwrap();
    let plugin = supervisor.install(manifest.manifest).await.unwrap();
    let error = plugin.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    let failure = error.failure().unwrap();
    assert!(
        failure.last_lines.iter().any(|line| line.contains("pwned")),
        "{failure:?}"
    );
    for text in [failure.to_string(), error.to_string(), error.report()] {
        assert!(!steers(&text), "{text:?}");
    }
    let mut logs = plugin.logs(&LogOptions::default());
    let line = logs.next().await.unwrap().unwrap();
    assert!(line.text.contains("pwned") && !steers(&line.text), "{line:?}");
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
}

#[tokio::test]
async fn s14_a_name_that_shows_nothing_or_turns_the_writing_is_not_installed() {
    let state = tempfile::tempdir().unwrap();
    let supervisor = Supervisor::builder(FakeEngine::new(), state.path())
        .start()
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "\u{200b}",
        "\u{3164}",
        "Porch\u{2028}light",
        "\u{200e}Porch light",
        "Porch light\u{e0041}\u{e007f}",
        "\u{202e}thgil hcroP",
    ] {
        let text = manifest_text("evil:1", "").replace("\"Evil\"", &format!("\"{name}\""));
        Manifest::from_json(&text).unwrap_err();
        fs::write(folder.path().join("manifest.json"), text).unwrap();
        fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").unwrap();
        let source = PluginSource::folder(folder.path());
        let installed = supervisor.install(source).await;
        assert_eq!(installed.unwrap_err().kind(), ErrorKind::InvalidInput, "{name:?}");
    }
    assert!(supervisor.plugins().is_empty());
}
