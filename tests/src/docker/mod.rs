//! A real Docker engine for tests: found or skipped, with a probe to run on it, and left as it was.

mod instance;
mod probe;

use hap_host::engine::DockerEngine;

pub use self::{
    instance::Instance,
    probe::{ask, probe_image, until_up},
};

/// Label on whatever a test makes besides what the engine makes for it; its value is the instance's name.
pub const OWNER: &str = "hap-tests.instance";

/// Connects to the engine of this machine. Without one it says so and the test returns; in CI it panics.
///
/// # Panics
/// When no engine answers and the variable `CI` is `true`.
pub async fn engine() -> Option<DockerEngine> {
    match DockerEngine::connect().await {
        Ok(engine) => Some(engine),
        Err(error) if std::env::var("CI").is_ok_and(|ci| ci == "true") => {
            #[expect(clippy::panic, reason = "a test that silently does not run proves nothing")]
            {
                panic!("{error}")
            }
        }
        Err(error) => {
            #[expect(
                clippy::print_stderr,
                reason = "the reason why a test did not run belongs in its output"
            )]
            {
                eprintln!("skipped: {error}");
            }
            None
        }
    }
}
