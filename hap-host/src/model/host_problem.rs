//! What is wrong with the host itself.

use std::{fmt, time::SystemTime};

/// Something that is wrong with the host itself, and with no plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostProblem {
    /// Its class.
    pub kind: HostProblemKind,
    /// What is wrong, what the host does meanwhile, and what to do, in words.
    pub message: String,
    /// Since when the supervisor knows of it.
    pub since: SystemTime,
}

/// The class of a [`HostProblem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HostProblemKind {
    /// The host lacks what it takes to ask a plugin for its health: file descriptors, memory, local
    /// ports, a route. What could not be asked is not held against the plugin.
    Resources,
    /// The state folder was removed or replaced while the host runs. Plugins go on under its
    /// supervision, and can be stopped and uninstalled; nothing else is taken that would have to be
    /// remembered, and the events of plugins stay with them until the host starts anew with a folder.
    StateFolder,
    /// The disk of the state folder is full. Plugins go on under its supervision, and can be stopped and
    /// uninstalled; other changes and events are refused until there is room.
    StateDisk,
}

impl HostProblemKind {
    /// The name of the class for programs, such as `resources`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resources => "resources",
            Self::StateFolder => "state_folder",
            Self::StateDisk => "state_disk",
        }
    }
}

impl fmt::Display for HostProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
