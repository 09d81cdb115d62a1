//! Hap New Name: a bell that counts how often it rang. Put your own device in its place.

mod bell;

use std::process::ExitCode;

use bell::Bell;

#[tokio::main]
async fn main() -> ExitCode {
    hap_plugin::run(Bell::default()).await
}
