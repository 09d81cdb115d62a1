use hap_manifest::PluginId;
use tokio::time::Instant;

use crate::engine::observed::{ContainerId, Exit};

/// One run of a container in a [`FakeEngine`](super::FakeEngine).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeRun {
    /// Whose.
    pub plugin: PluginId,
    /// Of which container.
    pub container: ContainerId,
    /// When it began, by tokio's clock.
    pub started: Instant,
    /// When and how it ended; `None` while it runs.
    pub ended: Option<(Instant, FakeEnd)>,
}

/// How a run of a container ended in a [`FakeEngine`](super::FakeEngine).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FakeEnd {
    /// By itself: the test let it crash.
    Itself(Exit),
    /// The supervisor stopped or killed it.
    Stopped,
    /// Its container was removed while it ran.
    Removed,
}
