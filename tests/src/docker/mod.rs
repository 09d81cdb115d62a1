//! A real Docker engine for tests, with fixtures to run on it, and left as it was.

mod fixture;
mod instance;
mod private;
mod proxy;
mod tree;

use hap_host::engine::DockerEngine;

pub use self::{
    fixture::{Fixture, USER, ask, build, build_for, image, probe_image, remove_image, until_up},
    instance::Instance,
    private::{PrivateDocker, in_private_network},
    proxy::{Manner, Proxy},
    tree::{Tree, dress},
};

/// Label on whatever a test makes besides what the engine makes for it; its value is the instance's name.
pub const OWNER: &str = "hap-tests.instance";

/// Connects to the engine of this machine. A test that silently does not run proves nothing, so none fails it.
///
/// # Panics
/// When no engine answers.
#[expect(clippy::panic, reason = "a test without its engine fails")]
pub async fn engine() -> Option<DockerEngine> {
    match DockerEngine::connect().await {
        Ok(engine) => Some(engine),
        Err(error) => panic!("{error}"),
    }
}
