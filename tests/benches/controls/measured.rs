//! The plugin that is measured against `bare.rs`: the same command, the same answers.

use hap_plugin::{Context, NoConfig, NoStatus, Plugin, Reply, Result};

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
enum Command {
    SetLevel {
        // A bound, so that what checking it costs is measured, too.
        #[schemars(range(max = 100))]
        level: u8,
    },
}

struct Measured;

impl Plugin for Measured {
    type Config = NoConfig;
    type Command = Command;
    type Status = NoStatus;

    async fn command(&self, _: &Context, Command::SetLevel { level }: Command) -> Result<Reply> {
        Ok(Reply::text(format!("the level is {level}")))
    }
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    hap_plugin::run(Measured).await
}
