//! Why a plugin failed.

use std::fmt;

use serde::Serialize;

use super::phase::Phase;
use crate::engine::observed::Exit;

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
    /// What it depends on was not healthy for too long. It is still waited for. Or it depends on
    /// itself over others: then someone has to act.
    Dependency,
    /// The host's policy does not permit it as it is, and it was not granted. Not tried again.
    NotPermitted,
    /// Plugins reach each other that should not, and the policy keeps those down that rely on it. It
    /// starts again when isolation is regained.
    IsolationLost,
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
            Self::IsolationLost => "isolation_lost",
        }
    }
}
