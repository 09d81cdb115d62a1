//! What newcomers saw as authors of plugins.

use hap_plugin::{
    Context, Fault, NoConfig, NoStatus, Plugin, Reply, Result, Secret, Settings,
    schemars::{self, JsonSchema},
    testing::{TestPlugin, assert_manifest, assert_schemas},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
enum Command {
    /// Rings the bell.
    Ring { times: u8 },
}

/// Has a type of status and tells none.
struct Forgetful;

impl Plugin for Forgetful {
    type Config = NoConfig;
    type Command = Command;
    type Status = u8;

    async fn command(&self, _: &Context, _: Command) -> Result<Reply> {
        Ok(Reply::text("rang"))
    }
}

/// A plugin with a type of status and no `status()` compiled, started, and answered 501 for ever.
#[tokio::test]
async fn d05_a_status_that_nobody_tells_is_said_at_the_start_and_by_the_test_kit() {
    let settings = Settings::new("bell".parse().unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serving = hap_plugin::serve(Forgetful).settings(settings).listener(listener);
    let started = tokio::time::timeout(std::time::Duration::from_secs(60), serving.into_future());
    let error = started.await.expect("it is not served").unwrap_err();
    assert_eq!(error.exit_code(), 78);
    assert!(error.to_string().contains("async fn status"), "{error}");
    let told = std::panic::catch_unwind(|| assert_schemas::<Forgetful>("unused.json")).unwrap_err();
    let told = told.downcast_ref::<String>().unwrap();
    assert!(told.contains("NoStatus"), "{told}");
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Login {
    user: String,
    #[serde(skip_serializing)]
    password: Secret<String>,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Config {
    login: Login,
    #[serde(skip_serializing)]
    pin: Option<Secret<u32>>,
}

struct Bell;

impl Plugin for Bell {
    type Config = Config;
    type Command = Command;
    type Status = NoStatus;

    async fn command(&self, cx: &Context, command: Command) -> Result<Reply> {
        let Command::Ring { times } = command;
        let config = cx.config::<Self>()?;
        if config.login.password.expose() == "hunter2" {
            return Ok(Reply::text("rang"));
        }
        Err(Fault::rejected("worn_out", format!("{times} times are too many")))
    }
}

/// Nothing said that a `Secret` needs no entry under `secrets` of the manifest.
#[tokio::test]
async fn d07_the_test_kit_says_that_a_secret_needs_no_entry_in_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("manifest.json");
    let bell = TestPlugin::start(Bell).await.unwrap();
    let described = bell.request(axum::http::Method::GET, "/describe", None).await;
    let schema = described.pointer("/config").clone();
    let check = |secrets: &[&str]| {
        let manifest = json!({
            "id": "bell", "name": "Bell", "version": "1.0.0", "description": "d", "author": "a", "image": "bell:1",
            "config_schema": schema, "secrets": secrets,
        });
        std::fs::write(&file, manifest.to_string()).unwrap();
        std::panic::catch_unwind(|| assert_manifest::<Bell>(&file))
            .map_err(|told| *told.downcast::<String>().unwrap())
    };
    for listed in ["/login/password", "pin"] {
        let told = check(&[listed]).unwrap_err();
        assert!(told.contains("take") && told.contains(listed), "{told}");
    }
    check(&["/login/user"]).unwrap();
    check(&[]).unwrap();
}

/// What a plugin logs while `work` runs.
async fn logged(work: impl Future<Output = ()>) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let _logging = tracing::subscriber::set_default(subscriber.finish());
    work.await;
    let lines = lines.0.lock().unwrap();
    String::from_utf8(lines.clone()).unwrap()
}

#[derive(Clone, Default)]
struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The line of a command that its author refused said neither why nor with which code.
#[tokio::test]
async fn d08_the_line_of_a_refused_command_says_why() {
    let told = logged(async {
        let bell = TestPlugin::start(Bell).await.unwrap();
        let refused = bell.command("ring", json!({"times": 200})).await;
        refused.assert_error("worn_out");
        bell.stop().await;
    });
    let told = told.await;
    let line = told
        .lines()
        .find(|line| line.contains("command ended"))
        .unwrap_or_default();
    assert!(line.contains("worn_out"), "{told}");
    assert!(line.contains("200 times are too many"), "{told}");
}

/// Emits as it starts, and says when it has.
struct Lonely(std::sync::Arc<tokio::sync::Notify>);

impl Plugin for Lonely {
    type Config = NoConfig;
    type Command = Command;
    type Status = NoStatus;

    async fn start(&self, cx: &Context) -> Result<()> {
        cx.emit("bell.rung", &json!({"times": 3})).await?;
        cx.emit("bell.long", &json!({"text": "x".repeat(100_000)}))
            .await?;
        self.0.notify_one();
        Ok(())
    }

    async fn command(&self, _: &Context, _: Command) -> Result<Reply> {
        Ok(Reply::text("rang"))
    }
}

/// Without a host an event was logged by its type and its id only.
#[tokio::test]
async fn d04_an_event_without_a_host_is_logged_with_its_data() {
    let told = logged(async {
        let rung = std::sync::Arc::new(tokio::sync::Notify::new());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stop = std::sync::Arc::clone(&rung);
        let serving = hap_plugin::serve(Lonely(rung))
            .settings(Settings::new("bell".parse().unwrap()))
            .listener(listener)
            .with_graceful_shutdown(async move { stop.notified().await });
        serving.into_future().await.unwrap();
    });
    let told = told.await;
    assert!(
        told.contains(r#"{"times":3}"#) || told.contains(r#"{\"times\":3}"#),
        "{told}"
    );
    let longest = told.lines().map(str::len).max().unwrap();
    assert!(longest < 8_192, "{longest}");
}

/// `help` told what is the same for every plugin, and nothing of the plugin itself.
#[test]
fn d09_help_lists_the_settings_and_commands_of_the_plugin() {
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_teller"));
    let told = { program }.arg("help").output().unwrap();
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(told.status.success(), "{text}");
    for line in [
        "Settings: none.",
        "Commands, with their parameters:",
        "  say  text: string, required",
    ] {
        assert!(text.lines().any(|one| one == line), "{line:?} is not in:\n{text}");
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
enum Chime {
    /// Plays a melody.
    Play {
        #[schemars(range(min = 1, max = 10))]
        times: u32,
        #[schemars(length(max = 5))]
        melody: String,
    },
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Loudness {
    #[schemars(range(max = 100))]
    volume: u16,
}

/// Publishes ranges, and writes none of them twice. `CHECKED`: whether it leaves them to the framework.
struct Chimes<const CHECKED: bool>;

impl<const CHECKED: bool> Plugin for Chimes<CHECKED> {
    type Config = Loudness;
    type Command = Chime;
    type Status = NoStatus;

    const CHECK_BOUNDS: bool = CHECKED;

    async fn command(&self, cx: &Context, command: Chime) -> Result<Reply> {
        let Chime::Play { times, melody } = command;
        let volume = cx.config::<Self>().map_or(0, |config| config.volume);
        Ok(Reply::text(format!("{melody} {times} times at {volume}")))
    }
}

/// A range in the schema was checked by nobody, so each author wrote it once more.
#[tokio::test]
async fn d06_the_bounds_of_a_published_schema_are_checked_unless_that_is_switched_off() {
    let chimes = TestPlugin::start(Chimes::<true>).await.unwrap();
    for (params, path, words) in [
        (
            json!({"times": 0, "melody": "ding"}),
            "params.times",
            "from 1 to 10, found 0",
        ),
        (
            json!({"times": 11.0, "melody": "ding"}),
            "params.times",
            "found 11",
        ),
        (
            json!({"times": 1, "melody": "ding dong"}),
            "params.melody",
            "at most 5 characters",
        ),
    ] {
        let refused = chimes
            .command("play", params)
            .await
            .assert_error("invalid_params");
        assert_eq!(refused.pointer("/details/path"), path);
        assert!(refused.text().contains(words), "{refused}");
        assert!(!refused.text().contains("dong"), "{refused}");
    }
    let refused = chimes
        .configure(json!({"volume": 101}))
        .await
        .assert_error("invalid_config");
    assert_eq!(refused.pointer("/details/path"), "volume");
    chimes.configure(json!({"volume": 100})).await.assert_success();
    let played = chimes
        .command("play", json!({"times": 10, "melody": "ding"}))
        .await;
    played.assert_success();
    // By a variable.
    let settings = Settings::from_vars([("PLUGIN_ID", "chimes"), ("HAP_CONFIG_VOLUME", "101")]).unwrap();
    let builder = TestPlugin::builder().settings(settings.clone());
    let told = builder.start(Chimes::<true>).await.unwrap_err().to_string();
    assert!(
        told.contains("HAP_CONFIG_VOLUME: at `volume`: expected a whole number of at most 100"),
        "{told}"
    );

    let chimes = TestPlugin::builder()
        .settings(settings)
        .start(Chimes::<false>)
        .await
        .unwrap();
    let played = chimes
        .command("play", json!({"times": 0, "melody": "ding dong"}))
        .await;
    played.assert_success();
    chimes.configure(json!({"volume": 9_999})).await.assert_success();
}

/// Zombies, and a log that nobody reads: told where an author looks who runs a plugin without a host.
#[test]
fn c16_the_guide_tells_of_an_init_and_of_a_log_that_nobody_reads() {
    let guide = include_str!("../../../docs/guide-plugin.md");
    let (_, rest) = guide
        .split_once("### Run by hand, or by something that is no host")
        .unwrap();
    let (section, rest) = rest.split_once("\n## ").unwrap();
    for words in [
        "docker run --init",
        "zombies",
        "until somebody reads it",
        "--detach",
        "max-size",
    ] {
        assert!(section.contains(words), "{words}");
    }
    // The table of what one sees leads there.
    assert!(rest.starts_with("When it does not run") && rest.matches("#run-by-hand").count() == 2);
}
