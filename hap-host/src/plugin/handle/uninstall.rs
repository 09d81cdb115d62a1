//! The removal of a plugin.

use futures_core::future::BoxFuture;

use super::{PluginHandle, shutting_down};
use crate::{
    error::{Error, ErrorKind},
    model::{desired::Desired, phase::Phase},
    plugin::request::Stop,
};

impl PluginHandle {
    /// Removes the plugin, and waits until nothing of it is left but, unless told otherwise, its
    /// volumes. Fine when it is gone already. A removal is not taken back: until it is done every
    /// other call returns [`ErrorKind::Gone`], and once its data shall be removed they are.
    ///
    /// # Errors
    /// [`ErrorKind::Dependency`] when others depend on it, unless the request
    /// [ignores them](UninstallRequest::ignore_dependents): nothing has changed then.
    /// [`ErrorKind::Gone`] when its data shall be removed and it is gone without them.
    /// [`ErrorKind::Timeout`] when the engine did not get it done; the supervisor goes on trying.
    /// Also as [`set_desired`](Self::set_desired).
    ///
    /// # Cancel safety
    /// Once recorded, the removal goes on when the future is dropped.
    pub fn uninstall(&self) -> UninstallRequest {
        UninstallRequest {
            handle: self.clone(),
            remove_data: false,
            ignore_dependents: false,
            force: false,
        }
    }
}

/// A removal, begun when it is awaited: [`PluginHandle::uninstall`] returns one. Default: the
/// container goes, and the volumes stay.
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
/// light.uninstall().remove_data(true).await?;
/// assert!(supervisor.plugins().is_empty());
/// # Ok(())
/// # }
/// # #[cfg(feature = "testing")]
/// # tokio::runtime::Runtime::new().unwrap().block_on(run(tempfile::tempdir().unwrap().path())).unwrap();
/// ```
///
/// # Errors
/// Those of [`PluginHandle::uninstall`].
///
/// # Cancel safety
/// A request that was never awaited changes nothing. Once recorded, the removal goes on when the
/// future is dropped.
#[derive(Debug, Clone)]
#[must_use = "requests do nothing unless awaited"]
pub struct UninstallRequest {
    handle: PluginHandle,
    remove_data: bool,
    ignore_dependents: bool,
    force: bool,
}

impl UninstallRequest {
    /// Sets whether the plugin's volumes are removed too. There is no way back. Default: they stay.
    pub const fn remove_data(mut self, remove: bool) -> Self {
        self.remove_data = remove;
        self
    }

    /// Sets whether the plugin is also removed when others depend on it; they go on without it,
    /// degraded. Default: it is refused.
    pub const fn ignore_dependents(mut self, ignore: bool) -> Self {
        self.ignore_dependents = ignore;
        self
    }

    /// Sets whether a plugin that runs is killed at once, also when it is stopping already.
    /// Default: it is asked to stop, and has its grace.
    pub const fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    async fn carry_out(self) -> Result<(), Error> {
        let handle = &self.handle;
        if !self.ignore_dependents {
            handle.refuse_if_needed()?;
        }
        let with_data = self.remove_data;
        match handle
            .desire(Desired::Removed { with_data }, Stop::forced(self.force))
            .await
        {
            // Somebody else's removal came first.
            Err(error) if error.kind() == ErrorKind::Gone => {}
            recorded => recorded?,
        }
        let mut snapshot = handle.cell().snapshot.clone();
        // The actor ends, and with it the channel, only after the record is gone from the disk.
        let gone = async move {
            while snapshot.changed().await.is_ok() {}
            let state = snapshot.borrow().state.clone();
            match state.desired {
                _ if state.phase != Phase::Removed => Err(shutting_down()),
                Desired::Removed { with_data: false } if with_data => {
                    let message = "it was uninstalled before, and its data was kept";
                    Err(Error::new(ErrorKind::Gone, message).with_plugin(handle.id()))
                }
                _ => Ok(()),
            }
        };
        handle
            .bounded(handle.stop_deadline(), "was not removed", gone)
            .await
    }
}

impl IntoFuture for UninstallRequest {
    type Output = Result<(), Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let handle = self.handle.clone();
            handle.lifecycle("uninstall", self.carry_out()).await
        })
    }
}
