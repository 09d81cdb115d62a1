//! Whether plugins are kept apart, as far as it was measured.

use std::time::SystemTime;

use crate::engine::isolation::IsolationLoss;

/// Whether plugins are kept apart from each other, as it was measured last.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IsolationState {
    /// The engine keeps nothing apart, as [`EngineCapabilities`](crate::engine::EngineCapabilities)
    /// say.
    Absent,
    /// It was not measured, or could not be.
    Unknown {
        /// Since when nothing is known.
        since: SystemTime,
        /// Why.
        reason: String,
    },
    /// No plugin reaches another.
    Holds {
        /// Since when each measurement said so.
        since: SystemTime,
        /// When it was measured last.
        measured_at: SystemTime,
    },
    /// Plugins reach each other. It stays lost until a measurement says that it holds.
    Lost {
        /// When it was found first.
        since: SystemTime,
        /// How, and what to do about it.
        loss: IsolationLoss,
    },
}

impl IsolationState {
    /// Whether it was measured that plugins are kept apart, and nothing said otherwise since.
    #[must_use]
    pub const fn holds(&self) -> bool {
        matches!(self, Self::Holds { .. })
    }

    /// How it was lost.
    #[must_use]
    pub const fn loss(&self) -> Option<&IsolationLoss> {
        match self {
            Self::Lost { loss, .. } => Some(loss),
            _ => None,
        }
    }

    /// The name for people and programs: `absent`, `unknown`, `holds` or `lost`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Unknown { .. } => "unknown",
            Self::Holds { .. } => "holds",
            Self::Lost { .. } => "lost",
        }
    }

    pub(crate) fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown {
            since: SystemTime::now(),
            reason: reason.into(),
        }
    }

    /// The state after a measurement; the engine's error in words where there was none.
    #[must_use]
    pub(crate) fn after(&self, measured: Result<Option<IsolationLoss>, String>) -> Self {
        let now = SystemTime::now();
        match (measured, self) {
            // Whoever cannot measure does not know that it is back.
            (_, Self::Absent) | (Err(_), Self::Lost { .. }) => self.clone(),
            (Ok(None), Self::Holds { since, .. }) => Self::Holds {
                since: *since,
                measured_at: now,
            },
            (Ok(None), _) => Self::Holds {
                since: now,
                measured_at: now,
            },
            (Ok(Some(loss)), Self::Lost { since, .. }) => Self::Lost { since: *since, loss },
            (Ok(Some(loss)), _) => Self::Lost { since: now, loss },
            (Err(reason), Self::Unknown { since, .. }) => Self::Unknown {
                since: *since,
                reason,
            },
            (Err(reason), Self::Holds { measured_at, .. }) => Self::Unknown {
                since: *measured_at,
                reason,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_isolation_is_back_only_when_it_was_measured_again() {
        let loss = IsolationLoss::new(Vec::new(), "m", "h");
        let start = IsolationState::unknown("not yet");
        let holds = start.after(Ok(None));
        assert!(holds.holds());
        let lost = holds.after(Ok(Some(loss.clone())));
        assert_eq!(lost.loss(), Some(&loss));
        assert_eq!(lost.after(Err("no answer".to_owned())), lost);
        assert!(lost.after(Ok(None)).holds());
    }

    #[test]
    fn what_cannot_be_measured_any_more_is_unknown_since_it_was_measured_last() {
        let holds = IsolationState::unknown("not yet").after(Ok(None));
        let IsolationState::Holds { measured_at, .. } = holds else {
            unreachable!()
        };
        let unknown = holds.after(Err("no answer".to_owned()));
        let reason = "no answer".to_owned();
        assert_eq!(
            unknown,
            IsolationState::Unknown {
                since: measured_at,
                reason
            }
        );
        assert!(!unknown.after(Err("still".to_owned())).holds());
    }

    #[test]
    fn an_engine_that_keeps_nothing_apart_never_says_that_it_does() {
        assert_eq!(IsolationState::Absent.after(Ok(None)), IsolationState::Absent);
    }
}
