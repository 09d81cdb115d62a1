//! Requests that bring a plugin down, before they are carried out.

use futures_core::future::BoxFuture;

use super::PluginHandle;
use crate::{error::Error, plugin::request::Stop};

/// A stop, begun when it is awaited: [`PluginHandle::stop`] returns one. Default: the plugin is
/// asked, and has its grace.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # async fn run(state: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
/// use hap_host::{Supervisor, engine::FakeEngine};
/// use hap_manifest::Manifest;
///
/// let supervisor = Supervisor::builder(FakeEngine::new(), state).start().await?;
/// let manifest = Manifest::builder("light", "Light", "1.0.0", "light:1").build()?;
/// let light = supervisor.install(manifest).await?;
/// light.start().await?;
/// light.stop().force(true).await?;
/// # Ok(())
/// # }
/// # #[cfg(feature = "testing")]
/// # tokio::runtime::Runtime::new().unwrap().block_on(run(tempfile::tempdir().unwrap().path())).unwrap();
/// ```
///
/// # Errors
/// Those of [`PluginHandle::stop`].
///
/// # Cancel safety
/// A request that was never awaited changes nothing. Once recorded, the stop goes on when the future
/// is dropped.
#[derive(Debug, Clone)]
#[must_use = "requests do nothing unless awaited"]
pub struct StopRequest {
    handle: PluginHandle,
    force: bool,
}

impl StopRequest {
    pub(super) const fn new(handle: PluginHandle) -> Self {
        Self { handle, force: false }
    }

    /// Sets whether the plugin is killed at once, also when it is stopping already. Default: it is
    /// asked to stop, and has its grace.
    pub const fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }
}

impl IntoFuture for StopRequest {
    type Output = Result<(), Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let stopping = self.handle.bring_down(Stop::forced(self.force));
            self.handle.lifecycle("stop", stopping).await
        })
    }
}

/// A restart, begun when it is awaited: [`PluginHandle::restart`] returns one. Default: the plugin
/// is asked to stop, and has its grace.
///
/// # Errors
/// Those of [`PluginHandle::restart`].
///
/// # Cancel safety
/// A request that was never awaited changes nothing. Once accepted, the restart goes on when the
/// future is dropped.
#[derive(Debug, Clone)]
#[must_use = "requests do nothing unless awaited"]
pub struct RestartRequest {
    handle: PluginHandle,
    force: bool,
}

impl RestartRequest {
    pub(super) const fn new(handle: PluginHandle) -> Self {
        Self { handle, force: false }
    }

    /// Sets whether the plugin is killed at once, also when it is stopping already. Default: it is
    /// asked to stop, and has its grace.
    pub const fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }
}

impl IntoFuture for RestartRequest {
    type Output = Result<(), Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let restarting = self.handle.start_again(Stop::forced(self.force));
            self.handle.lifecycle("restart", restarting).await
        })
    }
}
