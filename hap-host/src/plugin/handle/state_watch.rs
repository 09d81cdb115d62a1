use tokio::sync::watch;

use super::PluginHandle;
use crate::{error::Error, model::state::PluginState, plugin::snapshot::Snapshot};

/// Follows the state of one plugin. A reader that is slow sees the newest state and not each one
/// before; it delays nobody.
///
/// ```
/// # async fn run(light: hap_host::PluginHandle) -> Result<(), hap_host::Error> {
/// let mut watch = light.watch();
/// println!("{}", watch.state().phase);
/// while let Ok(state) = watch.changed().await {
///     println!("{}", state.phase);
/// }
/// # Ok(())
/// # }
/// ```
pub struct StateWatch {
    plugin: PluginHandle,
    snapshots: watch::Receiver<Snapshot>,
    last: PluginState,
}

impl PluginHandle {
    /// Follows the plugin's state from now on.
    #[must_use]
    pub fn watch(&self) -> StateWatch {
        StateWatch {
            snapshots: self.cell().snapshot.clone(),
            last: self.state(),
            plugin: self.clone(),
        }
    }
}

impl StateWatch {
    /// The state as it was told last, at first that of the beginning.
    #[must_use]
    pub const fn state(&self) -> &PluginState {
        &self.last
    }

    /// Waits until the state is another one.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`](crate::error::ErrorKind::Gone) after the plugin was uninstalled,
    /// [`ErrorKind::ShuttingDown`](crate::error::ErrorKind::ShuttingDown) when the supervisor ends.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn changed(&mut self) -> Result<&PluginState, Error> {
        loop {
            let now = self.plugin.state();
            if now != self.last {
                self.last = now;
                return Ok(&self.last);
            }
            self.snapshots.changed().await.map_err(|_| self.plugin.ended())?;
        }
    }
}

impl std::fmt::Debug for StateWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateWatch")
            .field("plugin", self.plugin.id())
            .field("phase", &self.last.phase)
            .finish_non_exhaustive()
    }
}
