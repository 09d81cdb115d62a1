use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::amount::{Size, Time};

/// How much of each plugin's events is kept.
///
/// Counted per plugin, so that one that floods the host loses its own old events and nobody else's.
/// What was removed before an application read it is told as
/// [`Delivery::Missed`](crate::protocol::events::subscribe::Delivery::Missed).
///
/// ```
/// use std::time::Duration;
///
/// use hap_host::EventRetention;
///
/// let one_day = EventRetention::default().age(Duration::from_secs(24 * 60 * 60)).events(1_000);
/// # let _ = one_day;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EventRetention {
    /// Most of a plugin's last events that are kept.
    events: u64,
    /// Most bytes of a plugin's last events that are kept.
    #[serde(with = "super::amount::bytes")]
    #[schemars(with = "Size")]
    bytes: u64,
    /// How long events are kept at most.
    #[serde(with = "super::amount::duration")]
    #[schemars(with = "Time")]
    age: Duration,
    /// How many ids of events are remembered beyond those kept, to tell repeated deliveries.
    #[serde(rename = "dedup_window")]
    remembered: u64,
}

impl EventRetention {
    /// Senders try for a day: ids are remembered for two, even where events are kept for less.
    pub(crate) const MEMORY: Duration = Duration::from_secs(48 * 60 * 60);

    /// Keeps at most this many of a plugin's last events.
    #[must_use]
    pub const fn events(mut self, most: u64) -> Self {
        self.events = most;
        self
    }

    /// Keeps at most this many bytes of a plugin's last events.
    #[must_use]
    pub const fn bytes(mut self, most: u64) -> Self {
        self.bytes = most;
        self
    }

    /// Keeps events at most this long.
    #[must_use]
    pub const fn age(mut self, longest: Duration) -> Self {
        self.age = longest;
        self
    }

    /// Remembers the ids of at most this many events of a plugin beyond those kept, to tell
    /// repeated deliveries.
    #[must_use]
    pub const fn dedup_window(mut self, most: u64) -> Self {
        self.remembered = most;
        self
    }

    pub(crate) const fn most_events(&self) -> u64 {
        self.events
    }

    pub(crate) const fn most_bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) const fn longest(&self) -> Duration {
        self.age
    }

    pub(crate) const fn most_remembered(&self) -> u64 {
        self.remembered
    }
}

impl Default for EventRetention {
    /// 10,000 events, 16 MiB and 7 days per plugin, and the ids of 50,000 more.
    fn default() -> Self {
        Self {
            events: 10_000,
            bytes: 16 * 1024 * 1024,
            age: Duration::from_secs(7 * 24 * 60 * 60),
            remembered: 50_000,
        }
    }
}
