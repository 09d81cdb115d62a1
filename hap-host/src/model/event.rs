//! What happens to plugins, as the supervisor tells it.

use std::time::SystemTime;

use hap_manifest::PluginId;

use super::{
    dependency::UnmetDependency,
    failure::Failure,
    host_problem::{HostProblem, HostProblemKind},
    phase::Phase,
    second_container::SecondContainer,
};
use crate::engine::isolation::IsolationLoss;

/// Something that happened to one plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The plugin.
    pub plugin: PluginId,
    /// When the supervisor learned of it.
    pub at: SystemTime,
    /// What it is.
    pub kind: EventKind,
}

impl Event {
    pub(crate) fn now(plugin: PluginId, kind: EventKind) -> Self {
        Self {
            plugin,
            at: SystemTime::now(),
            kind,
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// It is installed now.
    Installed,
    /// Its phase changed.
    Phase {
        /// The phase before.
        from: Phase,
        /// The phase now.
        to: Phase,
    },
    /// A run of it failed, or an operation on it did. It is told with the last lines of the run and
    /// what they mean, which may take seconds after [`Event::at`]; what happened to the plugin
    /// meanwhile is told after it.
    Failed(Failure),
    /// It failed so often that it counts as a crash loop; starts go on, with the longest pauses.
    CrashLoopEntered,
    /// It runs, and this that it depends on is no longer healthy. It is left running.
    DependenciesLost(Vec<UnmetDependency>),
    /// All that it depends on is healthy again.
    DependenciesBack,
    /// A container that is not its own carries its labels: a copy of its own, or somebody else's.
    SecondContainer(SecondContainer),
    /// The snapshot of the data that its previous version left was removed by somebody, as
    /// `docker volume prune` does. Going back is possible without the data.
    SnapshotLost {
        /// The version that left the data.
        version: semver::Version,
        /// The volumes that are missing.
        volumes: Vec<String>,
    },
    /// Volumes that it had are gone, as after `docker system prune --volumes` while it was stopped, and it
    /// starts with empty ones. [`PluginState::data_loss`](crate::PluginState::data_loss) says so, too.
    DataLost {
        /// The volumes, by their names on the engine.
        volumes: Vec<String>,
    },
    /// It has been healthy long enough, or someone acted: the crash loop is over.
    CrashLoopLeft,
}

/// Something that happened to the host as a whole, and to no plugin in particular.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostEvent {
    /// When the supervisor learned of it.
    pub at: SystemTime,
    /// What it is.
    pub kind: HostEventKind,
}

impl HostEvent {
    pub(crate) fn now(kind: HostEventKind) -> Self {
        Self {
            at: SystemTime::now(),
            kind,
        }
    }
}

/// What happened to the host.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostEventKind {
    /// Plugins reach each other that should not. Told once, until it is regained.
    IsolationLost(IsolationLoss),
    /// It was measured that plugins are kept apart again.
    IsolationRegained,
    /// Something is wrong with the host itself. Told once, until it has ended.
    ProblemBegan(HostProblem),
    /// What was wrong with the host is over.
    ProblemEnded(HostProblemKind),
}
