//! How long a call may take, and the deadline around it.

use std::{future::Future, time::Duration};

use super::error::{EngineError, EngineErrorKind};

/// One control call of an engine.
pub(crate) const CONTROL: Duration = Duration::from_secs(30);
/// A pull or a build in all.
pub(crate) const IMAGE: Duration = Duration::from_secs(15 * 60);
/// A command, a config or a status call, unless the caller says otherwise.
pub(crate) const PLUGIN_CALL: Duration = Duration::from_secs(30);
/// A copy of a plugin's volumes, during which it does not run.
pub(crate) const DATA: Duration = Duration::from_secs(15 * 60);
/// Putting it back, which is begun anew when it is given up: so twice what the copy may have taken.
pub(crate) const RESTORE: Duration = Duration::from_secs(30 * 60);
/// A measurement of isolation, which has a shorter deadline of its own.
pub(crate) const ISOLATION: Duration = Duration::from_secs(90);
/// The last lines of a plugin that failed.
pub(crate) const DIAGNOSIS: Duration = Duration::from_secs(2);

/// Puts a deadline around a call of an engine.
pub(crate) async fn within<T>(
    limit: Duration,
    operation: &'static str,
    subject: &(impl std::fmt::Display + Sync + ?Sized),
    call: impl Future<Output = Result<T, EngineError>> + Send,
) -> Result<T, EngineError> {
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
        let message = format!("the engine did not answer within {limit:?}");
        Err(EngineError::new(
            EngineErrorKind::Timeout,
            operation,
            subject.to_string(),
            message,
        ))
    })
}
