//! The light again, as a program of this package. Built as such it shares its dependencies with the
//! quickstart, which puts it into an image in half the time.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    hap_plugin::run(light::Light::default()).await
}
