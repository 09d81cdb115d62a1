//! The bridge as a program of its own.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    hap_plugin::run(bridge::Bridge::default()).await
}
