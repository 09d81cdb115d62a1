//~ `&str: IntoFaultCause` is not satisfied
//~ make what the caller is to read by `Fault::rejected("code", "text")`

use hap_plugin::{Context, NoConfig, NoStatus, Plugin, Reply, Result, wire::CommandRequest};

struct Bell;

impl Plugin for Bell {
    type Config = NoConfig;
    type Command = CommandRequest;
    type Status = NoStatus;

    async fn command(&self, _: &Context, command: CommandRequest) -> Result<Reply> {
        let times = command.params["times"].as_u64().ok_or("how often?")?;
        Ok(Reply::text(format!("rang {times} times")))
    }
}

fn main() {}
