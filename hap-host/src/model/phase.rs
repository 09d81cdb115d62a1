//! Where a plugin is.

use std::fmt;

use serde::Serialize;

/// Where a plugin is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// Nothing is known yet: the engine has not been asked or does not answer.
    Unknown,
    /// It is wanted running, and what it depends on is not healthy yet: see
    /// [`PluginState::unmet_dependencies`](crate::PluginState::unmet_dependencies).
    Waiting,
    /// Its image is fetched or its container is made.
    Preparing,
    /// Its container starts, or runs and has not answered a health check yet.
    Starting,
    /// It answers its health checks.
    Healthy,
    /// It answers, and works only in part: it says so, or something that it depends on is not
    /// healthy. It is left running.
    Degraded,
    /// It runs and has missed health checks, fewer than lead to a restart.
    Unhealthy,
    /// It ended and is started again after a pause.
    Backoff,
    /// It ended again and again; it is still started again, with the longest pauses.
    CrashLoop,
    /// It is kept down for a moment, while its data is copied or put back for an update.
    Updating,
    /// It is being stopped.
    Stopping,
    /// It does not run, as wanted.
    Stopped,
    /// It ended by itself and well, and is not one that is started again for that.
    Finished,
    /// It does not run, and starting it again would change nothing until someone acts.
    Failed,
    /// It is gone.
    Removed,
}

impl Phase {
    /// Whether the plugin can be asked something now.
    #[must_use]
    pub const fn is_reachable(self) -> bool {
        matches!(self, Self::Healthy | Self::Degraded | Self::Unhealthy)
    }

    /// Whether there is a process that may print.
    pub(crate) const fn may_print(self) -> bool {
        self.is_reachable() || matches!(self, Self::Starting | Self::Stopping)
    }

    /// Whether it is on its way to another phase without waiting for anything but the engine and
    /// its first answer.
    pub(crate) const fn is_passing(self) -> bool {
        matches!(
            self,
            Self::Unknown | Self::Preparing | Self::Starting | Self::Stopping
        )
    }

    /// The name as it is serialised, such as `crash_loop`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Waiting => "waiting",
            Self::Preparing => "preparing",
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Backoff => "backoff",
            Self::CrashLoop => "crash_loop",
            Self::Updating => "updating",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Removed => "removed",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
