//! The desired state of a plugin.

use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// What is wanted after a wish that comes later. A removal is not taken back, nor that of the
    /// data once somebody was promised it: `None` for a wish that comes too late.
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
