//! The progress of an update, and its work in the background.

use std::sync::Arc;
use std::time::SystemTime;

use super::{super::background::Background, backoff::Backoff};
use crate::{
    engine::error::EngineError, model::failure::Failure, plugin::update_plan::UpdateOrder,
    reconcile::probation::ProbationVerdict,
};

/// The state of the update that is under way, if any.
pub(in crate::plugin::actor) struct Updating {
    /// The update that was accepted, until the switch: the plugin is being stopped for it, or its
    /// data is being copied.
    pub(super) order: Option<Box<UpdateOrder>>,
    pub(super) copying: Background<Result<Copied, EngineError>>,
    /// Set when the order only has to be recorded: whether the data was copied for it.
    pub(super) ready: Option<bool>,
    /// The data of the snapshot is restored, and that only has to be recorded.
    pub(super) restored: bool,
    /// Why the data is not restored yet.
    pub(super) trouble: Option<Failure>,
    /// The image of the version before the last switch, which a copy can run as well.
    pub(super) other_image: Option<String>,
    /// The update ends when the data is restored, without a probation.
    pub(super) ends_when_restored: bool,
    /// Removes copies that are no longer needed.
    pub(super) tidying: Background<Tidied>,
    /// The verdict of the probation, until it is recorded.
    pub(super) verdict: Option<ProbationVerdict>,
    /// When what failed is tried again.
    pub(super) backoff: Backoff,
    pub(super) since: SystemTime,
    /// A caller asked to go back from the version that is on probation.
    pub(super) recalled: bool,
    /// Counts updates that ended.
    pub(in crate::plugin::actor) ended: u64,
    /// How the new version failed, where the last update was rolled back for that.
    pub(in crate::plugin::actor) failure: Option<Arc<Failure>>,
}

impl Updating {
    pub(in crate::plugin::actor) fn new() -> Self {
        Self {
            order: None,
            copying: Background::idle(),
            ready: None,
            restored: false,
            trouble: None,
            other_image: None,
            ends_when_restored: false,
            tidying: Background::idle(),
            verdict: None,
            backoff: Backoff::new(),
            since: SystemTime::now(),
            recalled: false,
            ended: 0,
            failure: None,
        }
    }

    /// Waits for the work that is under way; indefinitely when there is none.
    pub(in crate::plugin::actor) async fn progress(&mut self) -> Progress {
        tokio::select! {
            biased;
            copied = self.copying.done() => Progress::Copied(copied),
            (names, removed) = self.tidying.done() => Progress::Tidied(names, removed),
            () = self.backoff.wait() => {
                self.backoff.end_pause();
                Progress::Again
            }
        }
    }

    pub(in crate::plugin::actor) fn judged(&mut self, verdict: ProbationVerdict) {
        self.verdict = Some(verdict);
    }
}

/// Volumes that were to be removed, and the result.
pub(in crate::plugin::actor) type Tidied = (Vec<String>, Result<(), EngineError>);

/// The result of a copy that did not fail.
pub(in crate::plugin::actor) enum Copied {
    Done,
    /// The engine copies no volumes.
    Unable,
}

/// What the background work of an update has come to.
pub(in crate::plugin::actor) enum Progress {
    Copied(Result<Copied, EngineError>),
    Tidied(Vec<String>, Result<(), EngineError>),
    Again,
}
