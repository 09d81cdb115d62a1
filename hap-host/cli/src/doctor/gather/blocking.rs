//! Files, which may be on a disk that hangs.

use std::time::Duration;

use tokio::{task::spawn_blocking, time::timeout};

/// Longest wait for a file.
pub(super) const WITHIN: Duration = Duration::from_secs(5);

/// Does what may hang on a disk. `None` where it does not end in time.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    timeout(WITHIN, spawn_blocking(work)).await.ok()?.ok()
}
