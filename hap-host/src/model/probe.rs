//! What a health probe found.

/// What one health probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProbeResult {
    /// It answered that it is well, or well in part.
    Answered { degraded: bool, message: Option<String> },
    /// It did not answer in time, or answered that it is not well; the reason in words.
    Missed(String),
}
