use std::fmt;
use std::time::SystemTime;

use semver::Version;
use serde::{Deserialize, Serialize};

/// An update that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UpdateState {
    /// The version that it goes from.
    pub from: Version,
    /// The version that it goes to.
    pub to: Version,
    /// How far it is.
    pub stage: UpdateStage,
    /// Since when the supervisor has been at this stage; after a restart of the host, since then.
    #[serde(with = "hap_manifest::rfc3339")]
    pub since: SystemTime,
}

/// How far an update is. What happens before the plugin is touched, such as a pull, is told by the
/// [progress](crate::plugin::handle::update_request::UpdateRequest::progress) instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UpdateStage {
    /// The plugin is stopped, and its data is copied.
    Snapshot,
    /// The new version has taken the old one's place and is watched.
    Probation,
    /// Data of a snapshot is put back.
    Restore,
}

impl UpdateStage {
    /// The name as it is serialised, such as `probation`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Probation => "probation",
            Self::Restore => "restore",
        }
    }
}

impl fmt::Display for UpdateStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How an update, or a way back, ended. Kept over restarts of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UpdateOutcome {
    /// The version before.
    pub from: Version,
    /// The version that was tried.
    pub to: Version,
    /// When it was decided.
    #[serde(with = "hap_manifest::rfc3339")]
    pub at: SystemTime,
    /// What became of it.
    pub result: UpdateResult,
}

/// What became of an update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
#[non_exhaustive]
pub enum UpdateResult {
    /// The new version proved itself, or the plugin was not wanted running, and it is the
    /// plugin's version now.
    Committed,
    /// The old version is back, or was never left.
    RolledBack {
        /// Why, in words; the last lines of output are among them where the plugin failed.
        reason: String,
    },
}
