//! What the engine said last about a plugin's container.

use crate::{
    engine::observed::{ContainerStatus, Observed},
    model::redact::Redactor,
};

/// What the engine said last about the plugin's container.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a plugin has few of them, and nearly all are of the large kind"
)]
pub(crate) enum Seen {
    /// Not asked yet, or the answer is no longer good.
    Unknown,
    /// There is none.
    Absent,
    /// There is one.
    Present(Observed),
}

impl Seen {
    /// Whether a process of the plugin exists.
    pub(super) fn is_running(&self) -> bool {
        matches!(self, Self::Present(observed) if observed.is_running())
    }

    /// The same without the plugin's secrets in the engine's words, which are made fit to be shown.
    pub(crate) fn redacted(mut self, redactor: &Redactor) -> Self {
        if let Self::Present(observed) = &mut self
            && let Some(exit) = &mut observed.exit
        {
            exit.error = redactor.block(&exit.error);
        }
        self
    }

    /// Whether the engine is about to start it again by itself.
    pub(super) fn is_restarting(&self) -> bool {
        matches!(self, Self::Present(observed) if observed.status == ContainerStatus::Restarting)
    }

    /// Whether the engine began this run by itself.
    pub(super) fn is_run_of_the_engine(&self) -> bool {
        matches!(self, Self::Present(observed) if observed.is_running() && observed.restarted_by_engine)
    }

    /// Whether the container went through a run between the two looks.
    pub(super) fn is_followed_by_a_run(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Present(a), Self::Present(b)) => {
                a.id == b.id && b.started_at.is_some() && a.started_at != b.started_at
            }
            _ => false,
        }
    }

    /// Whether both show the same run of the same container.
    pub(super) fn same_run(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Present(a), Self::Present(b)) => a.id == b.id && a.started_at == b.started_at,
            _ => false,
        }
    }
}
