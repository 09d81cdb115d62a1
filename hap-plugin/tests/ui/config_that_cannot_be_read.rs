//~ `Config` cannot be the configuration of a plugin
//~ derive both on the struct: #[derive(serde::Deserialize, schemars::JsonSchema)]

use hap_plugin::{Context, NoCommand, NoStatus, Plugin, Reply, Result};

#[derive(Default, schemars::JsonSchema)]
struct Config {
    volume: u8,
}

struct Bell;

impl Plugin for Bell {
    type Config = Config;
    type Command = NoCommand;
    type Status = NoStatus;

    async fn command(&self, cx: &Context, command: NoCommand) -> Result<Reply> {
        match command {}
    }
}

fn main() {}
