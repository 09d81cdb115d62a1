//! [`Health`], what a plugin knows about itself.

use std::borrow::Cow;

/// Tells how well a plugin works.
///
/// ```
/// use hap_plugin::Health;
///
/// let health = Health::degraded("two of three bulbs do not answer");
/// assert!(health.is_serving());
/// assert!(!Health::unhealthy("no bulb answers").is_serving());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    state: State,
    message: Option<Cow<'static, str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Healthy,
    Degraded,
    Unhealthy,
}

impl Health {
    /// All is well.
    #[must_use]
    pub const fn healthy() -> Self {
        Self {
            state: State::Healthy,
            message: None,
        }
    }

    /// It works in part. Hosts take this for healthy and show the message.
    pub fn degraded(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            state: State::Degraded,
            message: Some(message.into()),
        }
    }

    /// It does not work, and a restart may help: hosts restart a plugin that stays so.
    pub fn unhealthy(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            state: State::Unhealthy,
            message: Some(message.into()),
        }
    }

    /// Whether hosts take it for healthy.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.state != State::Unhealthy
    }

    /// Why it is not quite healthy.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Whether nothing at all is wrong.
    pub(crate) fn is_healthy(&self) -> bool {
        self.state == State::Healthy
    }

    /// The word of the wire.
    pub(crate) fn word(&self) -> &'static str {
        match self.state {
            State::Healthy => "healthy",
            State::Degraded => "degraded",
            State::Unhealthy => "unhealthy",
        }
    }
}

impl Default for Health {
    /// Healthy.
    fn default() -> Self {
        Self::healthy()
    }
}
