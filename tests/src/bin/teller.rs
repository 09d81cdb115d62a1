//! A plugin that says aloud what it is told, in its log and as an event.

use std::process::ExitCode;

use hap_plugin::{Context, NoConfig, NoStatus, Plugin, Reply, Result};

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
enum Command {
    Say { text: String },
}

struct Teller;

impl Plugin for Teller {
    type Config = NoConfig;
    type Command = Command;
    type Status = NoStatus;

    async fn command(&self, cx: &Context, Command::Say { text }: Command) -> Result<Reply> {
        tracing::info!("{text}");
        cx.emit("said", &text).await?;
        Ok(Reply::text("said"))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    hap_plugin::run(Teller).await
}
