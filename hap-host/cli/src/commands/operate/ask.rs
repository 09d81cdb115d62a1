use std::{io::Read as _, path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use hap_host::client::CommandOptions;
use hap_manifest::PluginId;
use serde_json::{Map, Value, json};

use super::reach::{Reach, failure};
use crate::{
    failure::{Exit, Failure},
    terminal::{Console, harmless},
};

/// Most bytes of settings; a host takes no more.
const MOST: u64 = 1 << 20;

/// Sends a command to a plugin and shows what it answers
///
/// A value that is JSON is sent as that, such as 40, true or {"a":1}; every other as a text.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap command light turn_on
    hap command light set_brightness level=40
    hap command light scene --params '{\"name\":\"evening\"}'")]
pub(crate) struct Command {
    /// The plugin
    #[arg(value_name = "ID")]
    plugin: PluginId,

    /// The command
    name: String,

    /// Its parameters
    #[arg(value_name = "NAME=VALUE")]
    parameters: Vec<String>,

    /// All of its parameters, as one JSON object
    #[arg(long, value_name = "JSON", conflicts_with = "parameters")]
    params: Option<String>,

    /// How many seconds the plugin may take [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    within: Option<u64>,

    #[command(flatten)]
    reach: Reach,
}

impl Command {
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let params = match &self.params {
            Some(text) => object(text, "--params")?,
            None => named(&self.parameters)?,
        };
        let client = self.reach.client()?;
        let mut options = CommandOptions::default();
        options.timeout = self.within.map(Duration::from_secs);
        let progress = console.progress(format!("waiting for {}", self.plugin));
        let answer = client
            .send_command(&self.plugin, &self.name, Value::Object(params), options)
            .await;
        drop(progress);
        let answer = answer.map_err(|error| failure(&error))?;
        let text = match &answer.result {
            Value::Null => "done".to_owned(),
            Value::String(text) => harmless(text),
            other => harmless(&serde_json::to_string_pretty(other).unwrap_or_default()),
        };
        console.result(
            "command",
            &serde_json::to_value(&answer).unwrap_or_default(),
            text,
        );
        Ok(Exit::Done)
    }
}

/// Reads and changes the settings that a host keeps for a plugin
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap config get light
    hap config set light level=40 name=Lamp
    hap config set light --file settings.json")]
pub(crate) struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Get(Get),
    Set(Set),
}

/// Shows the settings of a plugin; secrets are shown as [REDACTED]
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap config get light")]
struct Get {
    /// The plugin
    #[arg(value_name = "ID")]
    plugin: PluginId,

    #[command(flatten)]
    reach: Reach,
}

/// Changes settings of a plugin: those that are named, or with --file all of them
///
/// A secret belongs into a file, or into standard input with `--file -`: others on this machine can read arguments.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap config set light level=40
    hap config set light --file settings.json
    hap config set light --file - < settings.json")]
struct Set {
    /// The plugin
    #[arg(value_name = "ID")]
    plugin: PluginId,

    /// Settings that change; `null` takes one away
    #[arg(value_name = "NAME=VALUE", required_unless_present = "file")]
    settings: Vec<String>,

    /// A file with all settings as a JSON object, or - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "settings")]
    file: Option<PathBuf>,

    #[command(flatten)]
    reach: Reach,
}

impl Config {
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        match self.action {
            Action::Get(get) => get.run(console).await,
            Action::Set(set) => set.run(console).await,
        }
    }
}

impl Get {
    async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let client = self.reach.client()?;
        let kept = client
            .get_config(&self.plugin)
            .await
            .map_err(|error| failure(&error))?;
        let text = match &kept.settings {
            Some(settings) => serde_json::to_string_pretty(settings).unwrap_or_default(),
            None => "there are none".to_owned(),
        };
        console.result(
            "config",
            &serde_json::to_value(&kept).unwrap_or_default(),
            harmless(&text),
        );
        Ok(Exit::Done)
    }
}

impl Set {
    async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let client = self.reach.client()?;
        let settings = match &self.file {
            Some(file) => object(&read(file)?, &file.display().to_string())?,
            None => {
                let changes = named(&self.settings)?;
                // A secret among them is shown as [REDACTED], and a host that gets that keeps the secret.
                let kept = client
                    .get_config(&self.plugin)
                    .await
                    .map_err(|error| failure(&error))?;
                let mut settings = kept
                    .settings
                    .as_ref()
                    .and_then(Value::as_object)
                    .cloned()
                    .unwrap_or_default();
                for (name, value) in changes {
                    if value.is_null() {
                        settings.remove(&name);
                    } else {
                        settings.insert(name, value);
                    }
                }
                settings
            }
        };
        let answer = client
            .set_config(&self.plugin, &settings)
            .await
            .map_err(|error| failure(&error))?;
        let text = if answer.delivered {
            format!("{} has them: {}", self.plugin, answer.message)
        } else {
            format!("they are kept for {}: {}", self.plugin, answer.message)
        };
        console.result(
            "config",
            &serde_json::to_value(&answer).unwrap_or_default(),
            harmless(&text),
        );
        Ok(Exit::Done)
    }
}

/// Reads `name=value` of a command line.
fn named(all: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut map = Map::new();
    for one in all {
        // The value may be a secret, and is not repeated.
        let Some((name, value)) = one.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            let message = "a parameter has no name: there is no = in it, or nothing before that";
            return Err(Failure::new(Exit::Usage, "bad_parameter", message)
                .help("write it as NAME=VALUE, such as level=40"));
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        if map.insert(name.to_owned(), value).is_some() {
            let message = format!("{name} is named more than once");
            return Err(Failure::new(Exit::Usage, "bad_parameter", message).help("leave one out"));
        }
    }
    Ok(map)
}

fn object(text: &str, from: &str) -> Result<Map<String, Value>, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let message = format!(
            "{from} has no JSON object: line {} column {}",
            error.line(),
            error.column()
        );
        Failure::new(Exit::Usage, "bad_json", message).help("write an object, such as {\"level\": 40}")
    })
}

fn read(file: &PathBuf) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().take(MOST).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(MOST).read_to_string(&mut text))
    };
    read.map(|_| text).map_err(|error| {
        let message = format!("{} cannot be read: {error}", file.display());
        Failure::new(Exit::NotFound, "unreadable", message)
            .help("name a file with the settings as a JSON object")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_json_where_they_can_be_and_texts_else() {
        let words = [
            "level=40",
            "on=true",
            "name=Big lamp",
            "a={\"b\":[1]}",
            "empty=",
            "eq=a=b",
            "none=null",
        ];
        let read = named(&words.map(str::to_owned)).unwrap();
        assert_eq!(
            Value::Object(read),
            json!({"level": 40, "on": true, "name": "Big lamp", "a": {"b": [1]}, "empty": "", "eq": "a=b", "none": null})
        );
        for wrong in [&["hunter2"][..], &["=3"], &["a=1", "a=2"]] {
            let words: Vec<_> = wrong.iter().map(|word| (*word).to_owned()).collect();
            let refused = named(&words).unwrap_err();
            assert_eq!(refused.exit(), Exit::Usage);
            assert!(!refused.to_string().contains("hunter2"));
        }
    }
}
