//~ `Status` cannot be the status of a plugin
//~ derive both on the struct: #[derive(serde::Serialize, schemars::JsonSchema)]

use hap_plugin::{Context, NoCommand, NoConfig, Plugin, Reply, Result};

struct Status {
    rung: u64,
}

struct Bell;

impl Plugin for Bell {
    type Config = NoConfig;
    type Command = NoCommand;
    type Status = Status;

    async fn command(&self, _: &Context, command: NoCommand) -> Result<Reply> {
        match command {}
    }

    async fn status(&self, _: &Context) -> Result<Status> {
        Ok(Status { rung: 0 })
    }
}

fn main() {}
