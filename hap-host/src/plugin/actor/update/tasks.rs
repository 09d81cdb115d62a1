//! How far an update is, and what of it runs beside the actor.

use std::sync::Arc;

use time::OffsetDateTime;

use super::{super::background::Background, backoff::Backoff};
use crate::{
    engine::error::EngineError, model::failure::Failure, plugin::update_plan::UpdateOrder,
    reconcile::probation::ProbationVerdict,
};

/// An actor's part in an update.
pub(in crate::plugin::actor) struct Updating {
    /// Taken on, and the plugin is being stopped for it or its data is being copied.
    pub(super) order: Option<Box<UpdateOrder>>,
    pub(super) copying: Background<Result<Copied, EngineError>>,
    /// What the order needs is done, so that it only has to be recorded. Whether the data was copied for it.
    pub(super) ready: Option<bool>,
    /// The data of the snapshot is back, and that only has to be recorded.
    pub(super) restored: bool,
    /// Why the data is not back yet.
    pub(super) trouble: Option<Failure>,
    /// The image of the version that was left last, which will do for a copy.
    pub(super) other_image: Option<String>,
    /// Whoever asked for this update is told when the data is back.
    pub(super) ends_when_restored: bool,
    /// Removing what is no longer needed.
    pub(super) tidying: Background<Tidied>,
    /// What the watch came to, until it is recorded.
    pub(super) verdict: Option<ProbationVerdict>,
    /// When what failed is tried again.
    pub(super) backoff: Backoff,
    pub(super) since: OffsetDateTime,
    /// Somebody asked to go back from the version that is watched.
    pub(super) recalled: bool,
    /// Counts updates that ended.
    pub(in crate::plugin::actor) ended: u64,
    /// How the new version failed, where the last of them came back for that.
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
            since: OffsetDateTime::now_utc(),
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

/// Volumes that were to be removed, and how that ended.
pub(in crate::plugin::actor) type Tidied = (Vec<String>, Result<(), EngineError>);

/// How a copy ended that did not fail.
pub(in crate::plugin::actor) enum Copied {
    Done,
    /// The engine copies no volumes.
    Unable,
}

/// What became of work for an update.
pub(in crate::plugin::actor) enum Progress {
    Copied(Result<Copied, EngineError>),
    Tidied(Vec<String>, Result<(), EngineError>),
    Again,
}
