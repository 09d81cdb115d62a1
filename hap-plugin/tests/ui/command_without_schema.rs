//~ `Command` cannot be the commands of a plugin
//~ #[derive(serde::Deserialize, schemars::JsonSchema)]
//~ #[serde(tag = "command", content = "params", rename_all = "snake_case")]

use hap_plugin::{Context, NoConfig, NoStatus, Plugin, Reply, Result};

#[derive(serde::Deserialize)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
enum Command {
    Ring { times: u8 },
}

struct Bell;

impl Plugin for Bell {
    type Config = NoConfig;
    type Command = Command;
    type Status = NoStatus;

    async fn command(&self, _: &Context, Command::Ring { times }: Command) -> Result<Reply> {
        Ok(Reply::text(format!("rang {times} times")))
    }
}

fn main() {}
