use std::{fmt::Display, io, path::Path};

use crate::engine::{
    error::{EngineError, EngineErrorKind},
    observed::ContainerId,
};

/// A failure of the file system that a retry may mend.
pub(super) fn file(operation: &'static str, path: &Path, error: io::Error) -> EngineError {
    EngineError::new(
        EngineErrorKind::Failed,
        operation,
        path.display().to_string(),
        format!("the engine's state cannot be read or written there: {error}"),
    )
    .with_source(error)
}

pub(super) fn gone(operation: &'static str, id: &ContainerId) -> EngineError {
    EngineError::new(
        EngineErrorKind::NotFound,
        operation,
        id.to_string(),
        "there is no such container",
    )
}

pub(super) fn rejected(operation: &'static str, subject: impl Display, message: String) -> EngineError {
    EngineError::new(EngineErrorKind::Rejected, operation, subject.to_string(), message)
}

/// Runs file system work where it may block. It runs to its end even when the future is dropped, so
/// what it begins is never left half done by a deadline.
pub(super) async fn blocking<T: Send + 'static>(
    operation: &'static str,
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(EngineError::new(
            EngineErrorKind::Failed,
            operation,
            "process engine",
            error.to_string(),
        )
        .with_source(error)),
    }
}
