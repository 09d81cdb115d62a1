//~ use `std::sync::RwLock` or `std::sync::atomic::AtomicU64` instead

use std::cell::Cell;

use hap_plugin::{Context, NoConfig, NoStatus, Plugin, Reply, Result, wire::CommandRequest};

struct Bell {
    rung: Cell<u64>,
}

impl Plugin for Bell {
    type Config = NoConfig;
    type Command = CommandRequest;
    type Status = NoStatus;

    async fn command(&self, _: &Context, _: CommandRequest) -> Result<Reply> {
        self.rung.set(self.rung.get() + 1);
        Ok(Reply::text("rang"))
    }
}

fn main() {}
