//! What is wanted of a plugin, and what is known of it.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize, Serializer};

use super::{
    activity::Operation,
    boot::Boot,
    config_state::ConfigState,
    update::{UpdateOutcome, UpdateState},
};
use crate::{
    engine::observed::{ContainerId, Exit},
    reconcile::dependencies::Unmet,
};

/// What is wanted of a plugin. Changes only by a call of the API, never by an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Desired {
    /// It shall run.
    Running,
    /// It shall not run.
    Stopped,
    /// It shall be gone, container and all.
    Removed {
        /// Its volumes shall be gone too.
        with_data: bool,
    },
}

impl Desired {
    /// What is wanted after a wish that comes later. A removal is not taken back, nor that of the data once somebody
    /// was promised it: `None` for a wish that comes too late.
    pub(crate) const fn followed_by(self, later: Self) -> Option<Self> {
        match (self, later) {
            (Self::Removed { with_data: one }, Self::Removed { with_data: other }) => Some(Self::Removed {
                with_data: one || other,
            }),
            (Self::Removed { .. }, _) => None,
            _ => Some(later),
        }
    }
}

impl fmt::Display for Desired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Removed { with_data: false } => "removed, data kept",
            Self::Removed { with_data: true } => "removed with its data",
        })
    }
}

/// Where a plugin is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// Nothing is known yet: the engine has not been asked or does not answer.
    Unknown,
    /// It is wanted running, and what it depends on is not healthy yet: see [`PluginState::waiting_for`].
    Waiting,
    /// Its image is fetched or its container is made.
    Preparing,
    /// Its container starts, or runs and has not answered a health check yet.
    Starting,
    /// It answers its health checks.
    Healthy,
    /// It answers, and works only in part: it says so, or something that it depends on is not healthy. It is left
    /// running.
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

    /// Whether it is on its way to another phase without waiting for anything but the engine and its first answer.
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

/// A snapshot of one plugin. Serialised, durations are in milliseconds, and say so in their names: `retry_in_ms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PluginState {
    /// What is wanted.
    pub desired: Desired,
    /// Where it is.
    pub phase: Phase,
    /// Its container, where there is one.
    pub container: Option<ContainerId>,
    /// How often it was started again after a failure, since the supervisor took it over.
    pub restarts: u64,
    /// It failed again and again lately. Stays true while it is healthy, until it has been so for a while.
    pub crash_loop: bool,
    /// How its last run ended, if it ended by itself.
    pub last_exit: Option<Exit>,
    /// What is wrong with it, in words, from a failure until it is healthy again.
    pub failure: Option<Failure>,
    /// How it failed the last time, also when it has been healthy since. What the engine fails at does not count.
    pub last_failure: Option<Failure>,
    /// The pause before the next start, while the phase is [`Phase::Backoff`] or [`Phase::CrashLoop`],
    /// counted from the moment when the phase was entered.
    #[serde(rename = "retry_in_ms", serialize_with = "as_millis")]
    pub retry_in: Option<Duration>,
    /// What the plugin says of itself in its last health report, where it says something.
    pub health_message: Option<String>,
    /// What it depends on and does not have now. While it is wanted running and does not run, its start waits for
    /// that; while it runs, it is [`Phase::Degraded`] by it.
    pub waiting_for: Vec<Unmet>,
    /// From its last end, or from the request to start it, until its first healthy answer.
    #[serde(rename = "time_to_healthy_ms", serialize_with = "as_millis")]
    pub time_to_healthy: Option<Duration>,
    /// Whether it has the settings that are kept for it.
    pub config: ConfigState,
    /// The update that is under way.
    pub update: Option<UpdateState>,
    /// How its last update ended.
    pub last_update: Option<UpdateOutcome>,
    /// What becomes of it when the host starts.
    pub boot: Boot,
    /// What is being done to it on the engine, and since when.
    pub operation: Option<Operation>,
}

#[expect(clippy::ref_option, reason = "the form that serde calls")]
fn as_millis<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    let millis = duration.map(|duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    millis.serialize(serializer)
}

/// Why a plugin does not do what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Failure {
    /// The class.
    pub cause: FailureCause,
    /// Where it was in its life when it failed.
    pub phase: Phase,
    /// How its run ended, where it ended by itself and the engine tells.
    pub exit: Option<Exit>,
    /// One sentence with the values.
    pub message: String,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
    /// The last lines of its output, oldest first; at most 20.
    pub last_lines: Vec<String>,
}

impl Failure {
    /// A failure in an unknown phase, without a hint and without output.
    #[must_use]
    pub fn new(cause: FailureCause, message: impl Into<String>) -> Self {
        Self {
            cause,
            phase: Phase::Unknown,
            exit: None,
            message: message.into(),
            hint: None,
            last_lines: Vec::new(),
        }
    }

    /// Adds how its run ended.
    #[must_use]
    pub(crate) fn with_exit(mut self, exit: &Exit) -> Self {
        self.exit = Some(exit.clone());
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if self.phase != Phase::Unknown {
            write!(f, ", while it was {}", self.phase)?;
        }
        if let Some(hint) = &self.hint {
            write!(f, " (hint: {hint})")?;
        }
        for line in &self.last_lines {
            write!(f, "\n  | {line}")?;
        }
        Ok(())
    }
}

/// The class of a [`Failure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureCause {
    /// Its process ended by itself.
    Exited,
    /// The kernel killed it at its memory limit, as the engine says.
    OutOfMemory,
    /// It ended with exit code 78: its configuration is wrong. Not started again.
    Configuration,
    /// It ran and did not become healthy in time.
    NotHealthyInTime,
    /// It stopped answering its health checks.
    Unresponsive,
    /// Its image is missing, refused or for another architecture. Not tried again.
    Image,
    /// The engine refuses its container for good. Not tried again.
    Refused,
    /// A device that it was granted is not there now; tried again.
    Device,
    /// The engine failed; tried again.
    Engine,
    /// What it depends on was not healthy for too long. It is still waited for. Or it depends on itself over others:
    /// then someone has to act.
    Dependency,
    /// The host's policy does not permit it as it is, and it was not granted. Not tried again.
    NotPermitted,
}

impl FailureCause {
    /// Whether trying again is pointless until someone acts.
    #[must_use]
    pub const fn is_permanent(self) -> bool {
        matches!(
            self,
            Self::Configuration | Self::Image | Self::Refused | Self::NotPermitted
        )
    }

    /// The name as it is serialised, such as `out_of_memory`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exited => "exited",
            Self::OutOfMemory => "out_of_memory",
            Self::Configuration => "configuration",
            Self::NotHealthyInTime => "not_healthy_in_time",
            Self::Unresponsive => "unresponsive",
            Self::Image => "image",
            Self::Refused => "refused",
            Self::Device => "device",
            Self::Engine => "engine",
            Self::Dependency => "dependency",
            Self::NotPermitted => "not_permitted",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::OffsetDateTime;

    use super::*;
    use crate::model::{
        activity::OperationKind,
        update::{UpdateResult, UpdateStage},
    };

    #[test]
    fn a_snapshot_is_serialised_under_names_that_stay() {
        let at = OffsetDateTime::from_unix_timestamp(1_769_846_400).unwrap();
        let exit = Exit::code(137);
        let failure = Failure::new(FailureCause::OutOfMemory, "too much").with_exit(&exit);
        let version = |text: &str| text.parse().unwrap();
        let state = PluginState {
            desired: Desired::Removed { with_data: true },
            phase: Phase::CrashLoop,
            container: Some(ContainerId::new("c1")),
            restarts: 2,
            crash_loop: true,
            last_exit: Some(exit),
            failure: Some(failure),
            last_failure: None,
            retry_in: Some(Duration::from_millis(1_500)),
            health_message: Some("dim".to_owned()),
            waiting_for: Vec::new(),
            time_to_healthy: None,
            config: ConfigState::Refused("too bright".to_owned()),
            update: Some(UpdateState {
                from: version("1.0.0"),
                to: version("2.0.0"),
                stage: UpdateStage::Probation,
                since: at,
            }),
            last_update: Some(UpdateOutcome {
                from: version("0.9.0"),
                to: version("1.0.0"),
                at,
                result: UpdateResult::Committed,
            }),
            boot: Boot::AsWanted,
            operation: Some(Operation {
                kind: OperationKind::SetLimits,
                since: at,
            }),
        };
        let exit = json!({"code": 137, "oom_killed": false, "memory_limit_bytes": null, "error": ""});
        assert_eq!(
            serde_json::to_value(&state).unwrap(),
            json!({
                "desired": {"removed": {"with_data": true}},
                "phase": "crash_loop",
                "container": "c1",
                "restarts": 2,
                "crash_loop": true,
                "last_exit": exit,
                "failure": {
                    "cause": "out_of_memory",
                    "phase": "unknown",
                    "exit": exit,
                    "message": "too much",
                    "hint": null,
                    "last_lines": [],
                },
                "last_failure": null,
                "retry_in_ms": 1500,
                "health_message": "dim",
                "waiting_for": [],
                "time_to_healthy_ms": null,
                "config": {"state": "refused", "reason": "too bright"},
                "update": {
                    "from": "1.0.0",
                    "to": "2.0.0",
                    "stage": "probation",
                    "since": "2026-01-31T08:00:00Z",
                },
                "last_update": {
                    "from": "0.9.0",
                    "to": "1.0.0",
                    "at": "2026-01-31T08:00:00Z",
                    "result": {"result": "committed"},
                },
                "boot": "as_wanted",
                "operation": {"kind": "set_limits", "since": "2026-01-31T08:00:00Z"},
            })
        );
    }
}
