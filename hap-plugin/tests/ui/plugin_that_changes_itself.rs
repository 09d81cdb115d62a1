//~ change the self-receiver type to match the trait

use hap_plugin::{Context, NoConfig, NoStatus, Plugin, Reply, Result, wire::CommandRequest};

struct Bell {
    rung: u64,
}

impl Plugin for Bell {
    type Config = NoConfig;
    type Command = CommandRequest;
    type Status = NoStatus;

    async fn command(&mut self, _: &Context, _: CommandRequest) -> Result<Reply> {
        self.rung += 1;
        Ok(Reply::text("rang"))
    }
}

fn main() {}
