use std::time::Duration;

/// How the platform answers a request with events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Answer {
    /// As the protocol says: 202 where all is well, else the refusal that fits.
    #[default]
    ByProtocol,
    /// With this status, whatever came.
    Status {
        /// The status.
        status: u16,
        /// What the header `Retry-After` says, in whole seconds.
        retry_after: Option<Duration>,
    },
    /// Not at all: the connection stays open and silent.
    Nothing,
    /// With the beginning of an answer, and then the connection ends. The events are stored.
    Half,
}

impl Answer {
    /// Creates an answer with this status and nothing about when to come again.
    #[must_use]
    pub const fn status(status: u16) -> Self {
        Self::Status {
            status,
            retry_after: None,
        }
    }
}
