//! Folders and files: what is wrong with them is told by their names, and nothing that waits in them is lost.

use std::fs;

use hap_host::{
    PluginSource, Supervisor, SupervisorConfig,
    engine::{FakeEngine, ProcessEngine},
};
use hap_plugin::{
    Context, NoStatus, Plugin, Reply, Result,
    axum::http::{Method, StatusCode},
    schemars::{self, JsonSchema},
    testing::{TestPlatform, TestPlugin},
};
use serde::Deserialize;
use serde_json::json;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
enum Command {
    /// Rings the bell.
    Ring { times: u8 },
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Config {
    loudness: u8,
}

/// Tells the platform that it rang.
struct Bell;

impl Plugin for Bell {
    type Config = Config;
    type Command = Command;
    type Status = NoStatus;

    async fn command(&self, cx: &Context, command: Command) -> Result<Reply> {
        let Command::Ring { times } = command;
        cx.emit(
            "bell.rung",
            &json!({"times": times, "loud": cx.config::<Self>()?.loudness > 5}),
        )
        .await?;
        Ok(Reply::text("rang"))
    }
}

/// vector#16231: a mark of what is delivered that points ahead of the outbox deleted all that waited.
#[tokio::test]
async fn c06_a_mark_that_points_ahead_of_the_outbox_deletes_nothing() {
    for mark in [
        // Beyond the last segment; beyond the end of the last one; into the middle of an event; no numbers.
        "00000000000000000099 00000000000000000010\n",
        "00000000000000000099 00000000000000000000\n",
        "18446744073709551615 00000000000000000000\n",
        "00000000000000000001 00000000000000099999\n",
        "00000000000000000001 00000000000000000007\n",
        "rubbish",
    ] {
        let (folder, platform) = (tempfile::tempdir().unwrap(), TestPlatform::new());
        platform.set_unreachable();
        let builder = TestPlugin::builder().data_dir(folder.path()).platform(&platform);
        let bell = builder.clone().start(Bell).await.unwrap();
        for times in 1..4 {
            bell.command("ring", json!({"times": times}))
                .await
                .assert_success();
        }
        bell.stop().await;
        fs::write(folder.path().join("events/acked"), mark).unwrap();
        platform.reset();
        let bell = builder.start(Bell).await.unwrap();
        let delivered = tokio::time::timeout(std::time::Duration::from_secs(60), platform.first_events(3));
        let delivered = delivered
            .await
            .unwrap_or_else(|_| panic!("{mark:?}: {:?}", platform.events()));
        let times: Vec<_> = delivered
            .iter()
            .map(|event| event.data["times"].clone())
            .collect();
        assert_eq!(times, [1, 2, 3], "{mark:?}");
        bell.stop().await;
    }
}

/// Errors of a folder that is missing or full named neither it nor what was wanted of it.
#[tokio::test]
async fn d16_an_error_of_a_folder_names_it_and_what_was_wanted_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nope");
    let name = missing.display().to_string();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let host = Supervisor::builder(FakeEngine::new(), folder.path().join("state"));
    let host = host.start().await.unwrap();
    let mut told = Vec::new();
    let package = host.install(PluginSource::package(&missing)).await.unwrap_err();
    told.push((package.report(), format!("the package {name} cannot be read")));
    let source = host.install(PluginSource::folder(&missing)).await.unwrap_err();
    told.push((
        source.report(),
        format!("the plugin's folder {name} cannot be opened"),
    ));
    let config = SupervisorConfig::from_file(&missing).unwrap_err();
    told.push((
        config.to_string(),
        format!("the configuration file {name} cannot be read"),
    ));
    let below = file.join("state");
    let state = Supervisor::builder(FakeEngine::new(), &below)
        .start()
        .await
        .unwrap_err();
    told.push((
        state.report(),
        format!("could not make the folder {}", below.display()),
    ));
    let engine = ProcessEngine::new(&below).unwrap_err();
    told.push((
        engine.to_string(),
        format!(
            "open {}: the engine's state cannot be read or written there",
            below.display()
        ),
    ));
    for (text, words) in told {
        assert!(text.contains(&words), "{words:?} is not in {text:?}");
    }
}

/// The same of a plugin: its answer names the file, and its own error the outbox.
#[tokio::test]
async fn d16_a_plugin_names_the_file_that_it_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let bell = TestPlugin::builder()
        .data_dir(folder.path())
        .start(Bell)
        .await
        .unwrap();
    fs::create_dir(folder.path().join("config.json.new")).unwrap();
    let refused = bell
        .configure(json!({"loudness": 7}))
        .await
        .assert_error("config_not_saved");
    let file = folder.path().join("config.json").display().to_string();
    let answer = refused.text();
    assert!(
        answer.contains(&format!("could not be saved to {file}")),
        "{answer}"
    );
    let cause = refused.cause().unwrap();
    assert!(cause.contains(&format!("{file}.new: ")), "{cause}");

    let outbox = folder.path().join("events");
    fs::rename(&outbox, folder.path().join("gone")).unwrap();
    let refused = bell
        .request(
            Method::POST,
            "/command",
            Some(&json!({"command": "ring", "params": {"times": 1}})),
        )
        .await;
    assert_eq!(refused.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let cause = refused.cause().unwrap();
    assert!(cause.contains(&outbox.display().to_string()), "{cause}");
    bell.crash().await;
}
