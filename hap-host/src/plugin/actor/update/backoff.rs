//! Pauses between the attempts of a step that has to succeed.

use std::time::Duration;

use tokio::time::Instant;

use super::super::clock::sleep_until;

/// The pauses double from the first to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// When a step that failed may be tried again.
pub(in crate::plugin::actor) struct Backoff {
    not_before: Option<Instant>,
    pause: Duration,
}

impl Backoff {
    pub(super) const fn new() -> Self {
        Self {
            not_before: None,
            pause: PAUSE_FIRST,
        }
    }

    pub(super) fn may_try(&self) -> bool {
        self.not_before.is_none_or(|at| at <= Instant::now())
    }

    pub(super) fn failed(&mut self) {
        self.not_before = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(PAUSE_MAX);
    }

    pub(super) const fn succeeded(&mut self) {
        *self = Self::new();
    }

    /// Waits for the end of the pause; indefinitely when there is none.
    pub(super) async fn wait(&self) {
        sleep_until(self.not_before).await;
    }

    /// Ends the pause; the next one is as long as it would have been.
    pub(super) const fn end_pause(&mut self) {
        self.not_before = None;
    }
}
