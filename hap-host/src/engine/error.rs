use std::{error::Error as StdError, fmt, time::Duration};

use super::{report::shown_source, text};

/// Why an engine operation failed: which operation, on what, and the class that
/// decides what follows.
///
/// `Display` names the operation, its subject and the engine's own message; the client library's
/// error is the [`source`](StdError::source). An engine repeats what images and plugins say, so none
/// of these texts holds a control character but line breaks, and all are bounded.
pub struct EngineError {
    kind: EngineErrorKind,
    operation: &'static str,
    subject: String,
    message: String,
    retry_after: Option<Duration>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The class of an [`EngineError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EngineErrorKind {
    /// The container, image, volume or network does not exist.
    NotFound,
    /// Something of that name exists already, or is being changed by another call.
    Conflict,
    /// The engine does not answer, or the connection broke.
    Unavailable,
    /// The call did not end before its deadline.
    Timeout,
    /// The engine or a registry refuses this caller.
    Denied,
    /// The engine understood and will never accept this request: a retry changes nothing.
    Rejected,
    /// The engine failed in a way that a retry may mend.
    Failed,
    /// A registry has had too many requests; [`EngineError::retry_after`] says how long to
    /// wait, where it told.
    RateLimited,
    /// This engine cannot do it at all.
    Unsupported,
    /// The host does not have a device that the container is to have. It may be plugged in at any
    /// time.
    DeviceMissing,
}

impl EngineError {
    /// Describes a failure of `operation` on `subject` (a container name, an image, ...).
    ///
    /// Both texts are made fit to be shown: what could steer a terminal is replaced, long lines are
    /// cut, and so are texts of many lines.
    pub fn new(
        kind: EngineErrorKind,
        operation: &'static str,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            operation,
            subject: text::line(&subject.into(), text::LINE_CHARS),
            message: text::block(&message.into()),
            retry_after: None,
            source: None,
        }
    }

    /// Keeps the underlying error for logs, or only its words where those are not fit to be shown.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(shown_source(source.into()));
        self
    }

    /// Notes how long the other side asks to wait before the next try.
    #[must_use]
    pub const fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// How long the other side asks to wait before the next try, where it told.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The class of this failure.
    #[must_use]
    pub const fn kind(&self) -> EngineErrorKind {
        self.kind
    }

    /// The operation that failed, such as `create`.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        self.operation
    }

    /// What it was about, such as the name of a container or of a volume.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The engine's own words.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            EngineErrorKind::Unavailable
                | EngineErrorKind::Timeout
                | EngineErrorKind::Conflict
                | EngineErrorKind::Failed
                | EngineErrorKind::RateLimited
        )
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.operation, self.subject, self.message)
    }
}

impl fmt::Debug for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EngineError({:?}: {self})", self.kind)
    }
}

impl StdError for EngineError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_an_engine_repeats_steers_a_terminal() {
        let hostile = "no\u{1b}]0;pwned\u{7}\u{1b}[2J such file\nINFO all is well\n";
        let source = std::io::Error::other(hostile);
        let error = EngineError::new(EngineErrorKind::Failed, "start", hostile, hostile).with_source(source);
        let reported = super::super::report::report(&error);
        for text in [error.to_string(), format!("{error:?}"), reported] {
            assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
            assert!(text.contains("\u{fffd}[2J such file"), "{text:?}");
            assert!(
                text.lines().skip(1).all(|line| line.starts_with("  ")),
                "{text:?}"
            );
        }
        let source = StdError::source(&error).unwrap().to_string();
        assert!(!source.contains('\u{1b}'), "{source:?}");
        let long = EngineError::new(EngineErrorKind::Failed, "start", "x", "x".repeat(1_000_000));
        assert!(long.to_string().len() < 3_000);
    }
}
