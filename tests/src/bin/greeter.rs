//! The plugin of the README, to the letter below this line.

use hap_plugin::{Context, NoConfig, NoStatus, Plugin, Reply, Result, schemars};

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
enum Command {
    Hello { name: String },
}

struct Greeter;

impl Plugin for Greeter {
    type Config = NoConfig;
    type Command = Command;
    type Status = NoStatus;

    async fn command(&self, _: &Context, Command::Hello { name }: Command) -> Result<Reply> {
        Ok(Reply::text(format!("Hello, {name}!")))
    }
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    hap_plugin::run(Greeter).await
}
