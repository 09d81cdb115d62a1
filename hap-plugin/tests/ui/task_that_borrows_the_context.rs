use hap_plugin::{Context, NoConfig, NoStatus, Plugin, Reply, Result, wire::CommandRequest};

struct Bell;

impl Plugin for Bell {
    type Config = NoConfig;
    type Command = CommandRequest;
    type Status = NoStatus;

    async fn command(&self, cx: &Context, _: CommandRequest) -> Result<Reply> {
        cx.spawn_fallible("ring", async {
            cx.emit("bell.rung", &()).await?;
            Ok(())
        });
        Ok(Reply::text("rings"))
    }
}

fn main() {}
