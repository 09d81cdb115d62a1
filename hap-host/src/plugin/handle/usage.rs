//! What the plugin uses.

use super::PluginHandle;
use crate::{
    engine::{
        deadline::{self, within},
        error::EngineErrorKind,
        stream::StatsSample,
    },
    error::Error,
    plugin::usage::Usage,
};

impl PluginHandle {
    /// One sample of the plugin's resource use.
    ///
    /// # Errors
    /// [`NotRunning`](crate::error::ErrorKind::NotRunning) without a container,
    /// [`Engine`](crate::error::ErrorKind::Engine) and
    /// [`Timeout`](crate::error::ErrorKind::Timeout) when the engine does not tell.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn stats(&self) -> Result<StatsSample, Error> {
        let container = self.container().ok_or_else(|| self.not_running())?;
        let call = self.0.shared.engine.stats(&container);
        within(deadline::CONTROL, "stats", &container, call)
            .await
            .map_err(|error| {
                if error.kind() == EngineErrorKind::NotFound {
                    self.not_running()
                } else {
                    Error::engine(error)
                }
            })
    }

    /// One sample of the plugin's resource use, and its CPU use since an earlier one. What is
    /// sampled here is in the [metrics](crate::supervisor::Supervisor::metrics) for five minutes.
    ///
    /// # Errors
    /// As [`stats`](Self::stats).
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn usage(&self) -> Result<Usage, Error> {
        let container = self.container().ok_or_else(|| self.not_running())?;
        let sample = self.stats().await?;
        self.0.counters.sampled(sample);
        Ok(self
            .0
            .meter
            .measure(&container, sample, tokio::time::Instant::now()))
    }
}
