//~ future returned by `command` is not `Send`
//~ has type `std::sync::MutexGuard<'_, u64>` which is not `Send`
//~ await occurs here, with `mut rung` maybe used later

use std::sync::Mutex;

use hap_plugin::{Context, NoConfig, NoStatus, Plugin, Reply, Result, wire::CommandRequest};

struct Bell {
    rung: Mutex<u64>,
}

impl Plugin for Bell {
    type Config = NoConfig;
    type Command = CommandRequest;
    type Status = NoStatus;

    async fn command(&self, cx: &Context, _: CommandRequest) -> Result<Reply> {
        let mut rung = self.rung.lock().unwrap();
        *rung += 1;
        cx.emit("bell.rung", &*rung).await?;
        Ok(Reply::text("rang"))
    }
}

fn main() {}
