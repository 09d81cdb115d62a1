//! What a health probe found.

/// What one health probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProbeResult {
    /// It answered that it is well, or well in part.
    Answered { degraded: bool, message: Option<String> },
    /// It did not answer in time, or answered that it is not well; the reason in words.
    Missed(String),
    /// It was not asked, because the host lacks what that takes; what, in words. It says nothing of the
    /// plugin.
    NotAsked(&'static str),
}

impl ProbeResult {
    /// Its name for metrics.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Answered { .. } => "answered",
            Self::Missed(_) => "missed",
            Self::NotAsked(_) => "not_asked",
        }
    }
}
