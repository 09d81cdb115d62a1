//~ `Config` is not a plugin
//~ in `cx.config::<...>()` and `cx.config_changes::<...>()` stands the plugin, within its own methods as `Self`

use hap_plugin::{Context, NoStatus, Plugin, Reply, Result, wire::CommandRequest};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Config {
    volume: u8,
}

struct Bell;

impl Plugin for Bell {
    type Config = Config;
    type Command = CommandRequest;
    type Status = NoStatus;

    async fn command(&self, cx: &Context, _: CommandRequest) -> Result<Reply> {
        let config = cx.config::<Config>()?;
        Ok(Reply::text(format!("rang at {} %", config.volume)))
    }
}

fn main() {}
