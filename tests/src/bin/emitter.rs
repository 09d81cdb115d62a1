//! A plugin that emits numbered events in several lanes for as long as it lives, and says so on standard output:
//! `@begin <lane> <number>` before each `emit`, `@done <lane> <number> <id>` after one that returned `Ok`.
//!
//! `EMITTER_NEXT` holds the first number of each lane, separated by commas; without it nothing is emitted.
#![expect(
    clippy::print_stdout,
    reason = "whoever kills this program reads what it had done until then"
)]

use std::{process::ExitCode, time::Duration};

use hap_plugin::{Context, NoCommand, NoConfig, NoStatus, Plugin, Reply, Result};
use serde_json::json;

/// Longest padding of an event, so that the log on disk is made of several segments.
const PADDING: u64 = 4096;

struct Emitter;

impl Plugin for Emitter {
    type Config = NoConfig;
    type Command = NoCommand;
    type Status = NoStatus;

    async fn start(&self, cx: &Context) -> Result<()> {
        let next = std::env::var("EMITTER_NEXT").unwrap_or_default();
        for (lane, number) in next.split(',').filter(|text| !text.is_empty()).enumerate() {
            let lane = u64::try_from(lane)?;
            cx.spawn(format!("lane {lane}"), emit(cx.clone(), lane, number.parse()?));
        }
        Ok(())
    }

    async fn command(&self, _: &Context, command: NoCommand) -> Result<Reply> {
        match command {}
    }
}

async fn emit(cx: Context, lane: u64, first: u64) {
    let stop = cx.shutdown_token();
    for number in first.. {
        // Uneven, so that the lanes meet in ever other constellations.
        let padding = (number.wrapping_mul(2_654_435_761) >> 7) % PADDING;
        let pause = Duration::from_micros((number.wrapping_mul(40_503) >> 3) % 3_000);
        if stop
            .run_until_cancelled(tokio::time::sleep(pause))
            .await
            .is_none()
        {
            return;
        }
        let padding = "x".repeat(usize::try_from(padding).unwrap_or_default());
        let data = json!({ "lane": lane, "number": number, "padding": padding });
        println!("@begin {lane} {number}");
        match cx.emit("numbered", &data).await {
            Ok(id) => println!("@done {lane} {number} {id}"),
            Err(error) => println!("@refused {lane} {number} {error}"),
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    hap_plugin::run(Emitter).await
}
