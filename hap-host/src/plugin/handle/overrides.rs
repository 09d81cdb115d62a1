//! What the operator chooses for one plugin, beside what is wanted of it.

use super::PluginHandle;
use crate::{
    error::Error,
    model::{autostart::Autostart, desired::Desired, env::EnvOverrides},
    plugin::request::Request,
};

impl PluginHandle {
    /// Sets what becomes of the plugin when the host starts, on disk first. It changes nothing now.
    ///
    /// # Errors
    /// As [`set_desired`](Self::set_desired).
    ///
    /// # Cancel safety
    /// When the future is dropped, it may or may not have been recorded.
    pub async fn set_autostart(&self, autostart: Autostart) -> Result<(), Error> {
        self.request(|reply| Request::SetAutostart(autostart, reply))
            .await
    }

    /// The environment variables that the operator set for the plugin, without the values
    /// of secret ones.
    #[must_use]
    pub fn env(&self) -> EnvOverrides {
        self.cell().snapshot.borrow().told.env.as_ref().clone()
    }

    /// Replaces the environment variables that the operator sets for the plugin, over those
    /// of its manifest, and returns when it runs with them. Fine when they are the same:
    /// nothing happens then.
    ///
    /// They are on disk before anything else happens. An environment cannot be changed under a
    /// process, so a plugin that shall run is stopped, its container made anew and started; its
    /// volumes stay. One that does not run gets them with its next start. A secret whose value is
    /// `[REDACTED]`, as [`env`](Self::env) has it, stays as it is.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for a secret that shall stay as
    /// it is and was none; [`ErrorKind::Store`](crate::ErrorKind::Store): nothing has changed.
    /// [`ErrorKind::Failed`](crate::ErrorKind::Failed) and
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) as [`start`](Self::start): the new
    /// variables hold, and the supervisor goes on trying. Also
    /// [`ErrorKind::Gone`](crate::ErrorKind::Gone),
    /// [`ErrorKind::ShuttingDown`](crate::ErrorKind::ShuttingDown) and
    /// [`ErrorKind::Busy`](crate::ErrorKind::Busy).
    ///
    /// # Cancel safety
    /// Once recorded, it goes on when the future is dropped, and after a host that was killed.
    pub async fn set_env(&self, env: EnvOverrides) -> Result<(), Error> {
        self.lifecycle("set_env", async {
            let before = self.progress();
            let changed = self.request(|reply| Request::SetEnv(env, reply)).await?;
            if !changed || self.cell().snapshot.borrow().state.desired != Desired::Running {
                return Ok(());
            }
            self.healthy_after(before).await
        })
        .await
    }
}
