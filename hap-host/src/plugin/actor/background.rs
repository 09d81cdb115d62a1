//! Work that goes on beside the actor's loop.

use std::future::Future;

use futures_util::future::{BoxFuture, FutureExt};

/// One piece of work at most, which the loop polls while it waits.
pub(super) struct Background<T>(Option<BoxFuture<'static, T>>);

impl<T> Background<T> {
    pub(super) const fn idle() -> Self {
        Self(None)
    }

    /// Begins a piece of work in the place of the one that may be under way.
    pub(super) fn begin(&mut self, work: impl Future<Output = T> + Send + 'static) {
        self.0 = Some(work.boxed());
    }

    /// Drops the work that is under way.
    pub(super) fn stop(&mut self) {
        self.0 = None;
    }

    pub(super) const fn is_under_way(&self) -> bool {
        self.0.is_some()
    }

    /// Waits until the work is done; indefinitely when there is none. Safe to drop at any await.
    pub(super) async fn done(&mut self) -> T {
        let Some(work) = &mut self.0 else {
            return std::future::pending().await;
        };
        let result = work.await;
        self.0 = None;
        result
    }
}
