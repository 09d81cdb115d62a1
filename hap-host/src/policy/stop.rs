//! How long a plugin may take to stop.

use std::time::Duration;

use hap_manifest::Manifest;

use super::Policy;

/// Time for a stop where the manifest sets none.
const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(10);

impl Policy {
    /// Sets the longest time that a plugin has to stop before it is killed, whatever its manifest's
    /// `stop_timeout` says. Default: 60 s. A manifest that asks for more is told of when the plugin
    /// is reviewed and installed, and gets this.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use hap_host::Policy;
    ///
    /// let policy = Policy::default().max_stop_timeout(Duration::from_secs(20));
    /// ```
    pub const fn max_stop_timeout(mut self, most: Duration) -> Self {
        self.max_stop_timeout = most;
        self
    }

    /// The time that a plugin has to stop before it is killed.
    pub(crate) fn stop_grace(&self, manifest: &Manifest) -> Duration {
        let asked = manifest.stop_timeout().unwrap_or(DEFAULT_STOP_TIMEOUT);
        asked.min(self.max_stop_timeout)
    }

    /// What is to be said where a manifest asks for a longer time to stop than plugins get.
    pub(crate) fn shortened_stop(&self, manifest: &Manifest) -> Option<String> {
        let asked = manifest.stop_timeout()?;
        let most = self.max_stop_timeout;
        (asked > most).then(|| {
            format!("its manifest asks for {asked:?} to stop, and this host kills a plugin after {most:?}")
        })
    }
}
