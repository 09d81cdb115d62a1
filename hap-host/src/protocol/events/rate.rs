use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hap_manifest::PluginId;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::Instant;

use crate::model::amount::Size;

/// Plugins remembered before those that are at rest are dropped.
const MOST_IDLE: usize = 1024;

/// How much a plugin may send: so many events and bytes in a second for long, and so many at once.
///
/// ```
/// use std::num::NonZeroU32;
///
/// use hap_host::EventRateLimit;
///
/// let number = |n| NonZeroU32::new(n).ok_or("zero");
/// assert_eq!(EventRateLimit::default(), EventRateLimit::new(number(100)?, number(1000)?));
/// let narrow = EventRateLimit::default().bytes(number(10_000)?, number(100_000)?);
/// # let _ = narrow;
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "EventRateFile")]
pub struct EventRateLimit {
    events: Bound,
    bytes: Bound,
}

/// The same as a configuration file writes it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "EventRateLimit")]
pub(crate) struct EventRateFile {
    /// Events in a second, for long; 100 unless it is set.
    events_per_second: Option<NonZeroU32>,
    /// Events at once; 1000 unless it is set.
    events_burst: Option<NonZeroU32>,
    /// Bytes of requests in a second, for long; 1m unless it is set.
    bytes_per_second: Option<Size>,
    /// Bytes of requests at once; 16m unless it is set.
    bytes_burst: Option<Size>,
}

impl TryFrom<EventRateFile> for EventRateLimit {
    type Error = &'static str;

    fn try_from(file: EventRateFile) -> Result<Self, Self::Error> {
        let number = |size: Option<Size>, default: NonZeroU32| match size {
            None => Ok(default),
            Some(Size(bytes)) => u32::try_from(bytes)
                .ok()
                .and_then(NonZeroU32::new)
                .ok_or("a rate in bytes is from 1b to 4095m"),
        };
        let Self { events, bytes } = Self::default();
        let limit = Self::new(
            file.events_per_second.unwrap_or(events.per_second),
            file.events_burst.unwrap_or(events.burst),
        );
        let per_second = number(file.bytes_per_second, bytes.per_second)?;
        Ok(limit.bytes(per_second, number(file.bytes_burst, bytes.burst)?))
    }
}

/// One of the two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bound {
    per_second: NonZeroU32,
    burst: NonZeroU32,
}

impl EventRateLimit {
    /// Events in a second for long, and at once. A burst smaller than a request lets the
    /// request pass alone.
    #[must_use]
    pub const fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        const MIB: u32 = 1 << 20;
        Self {
            events: Bound { per_second, burst },
            bytes: Bound {
                per_second: NonZeroU32::MIN.saturating_add(MIB - 1),
                burst: NonZeroU32::MIN.saturating_add(16 * MIB - 1),
            },
        }
    }

    /// Bytes of requests in a second for long, and at once; 1 MiB and 16 MiB unless this is called.
    /// A burst smaller than a request lets the request pass alone.
    #[must_use]
    pub const fn bytes(mut self, per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        self.bytes = Bound { per_second, burst };
        self
    }
}

impl Default for EventRateLimit {
    /// 100 events in a second, 1,000 at once; 1 MiB in a second, 16 MiB at once.
    fn default() -> Self {
        const PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);
        const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(999);
        Self::new(PER_SECOND, BURST)
    }
}

impl Bound {
    /// Takes so many, of which everything up to `paid` is paid for: up to when it is then, or after
    /// what time it could be taken. A token bucket in one moment: never earlier than now, and at
    /// most a burst ahead.
    fn take(self, paid: Instant, number: usize, now: Instant) -> Result<Instant, Duration> {
        // An empty request costs something too; one larger than the burst must pass some time.
        let number = u32::try_from(number)
            .unwrap_or(u32::MAX)
            .clamp(1, self.burst.get());
        let wanted = paid.max(now) + self.cost(number);
        let ahead = wanted.saturating_duration_since(now);
        match ahead.checked_sub(self.cost(self.burst.get())) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => Ok(wanted),
        }
    }

    fn cost(self, number: u32) -> Duration {
        let nanos = u64::from(number) * 1_000_000_000 / u64::from(self.per_second.get());
        Duration::from_nanos(nanos)
    }
}

/// Keeps every plugin to its rate.
#[derive(Debug)]
pub(super) struct RateLimiter {
    rate: EventRateLimit,
    paid_until: Mutex<HashMap<PluginId, Paid>>,
}

/// Up to when a plugin's events and bytes are paid for.
#[derive(Debug, Clone, Copy)]
struct Paid {
    events: Instant,
    bytes: Instant,
}

impl RateLimiter {
    pub(super) fn new(rate: EventRateLimit) -> Self {
        Self {
            rate,
            paid_until: Mutex::default(),
        }
    }

    /// Takes so many events of a plugin in so many bytes, or says after what time they
    /// would be taken.
    pub(super) fn take(&self, plugin: &PluginId, events: usize, bytes: usize) -> Result<(), Duration> {
        let now = Instant::now();
        let mut all = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() > MOST_IDLE {
            all.retain(|_, paid| paid.events.max(paid.bytes) > now);
        }
        let paid = all.get(plugin).copied().unwrap_or(Paid {
            events: now,
            bytes: now,
        });
        let wanted = (
            self.rate.events.take(paid.events, events, now),
            self.rate.bytes.take(paid.bytes, bytes, now),
        );
        match wanted {
            (Ok(events), Ok(bytes)) => {
                all.insert(plugin.clone(), Paid { events, bytes });
                Ok(())
            }
            (Err(one), Err(other)) => Err(one.max(other)),
            (Err(wait), _) | (_, Err(wait)) => Err(wait),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(per_second: u32, burst: u32) -> RateLimiter {
        let number = |n| NonZeroU32::new(n).unwrap();
        RateLimiter::new(EventRateLimit::new(number(per_second), number(burst)))
    }

    fn id(name: &str) -> PluginId {
        PluginId::new(name).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_the_rate_holds() {
        let limiter = limiter(100, 1000);
        assert_eq!(limiter.take(&id("a"), 500, 0), Ok(()));
        assert_eq!(limiter.take(&id("a"), 500, 0), Ok(()));
        assert_eq!(limiter.take(&id("a"), 100, 0), Err(Duration::from_secs(1)));
        assert_eq!(limiter.take(&id("b"), 1000, 0), Ok(()), "each plugin has its own");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(limiter.take(&id("a"), 100, 0), Ok(()));
        assert_eq!(limiter.take(&id("a"), 1, 0), Err(Duration::from_millis(10)));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(limiter.take(&id("a"), 1000, 0), Ok(()));
        assert!(
            limiter.take(&id("a"), 1, 0).is_err(),
            "no more than a burst is saved up"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_larger_than_the_burst_passes_alone() {
        let limiter = limiter(1, 10);
        assert_eq!(limiter.take(&id("a"), 500, 0), Ok(()));
        assert_eq!(limiter.take(&id("a"), 500, 0), Err(Duration::from_secs(10)));
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_are_bounded_beside_the_number_of_events() {
        let number = |n| NonZeroU32::new(n).unwrap();
        let rate = EventRateLimit::default().bytes(number(1000), number(5000));
        let limiter = RateLimiter::new(rate);
        assert_eq!(limiter.take(&id("a"), 1, 5000), Ok(()));
        assert_eq!(limiter.take(&id("a"), 1, 500), Err(Duration::from_millis(500)));
        assert_eq!(limiter.take(&id("b"), 1, 500), Ok(()));
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(limiter.take(&id("a"), 1, 500), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn plugins_at_rest_are_not_remembered_for_ever() {
        let limiter = limiter(100, 100);
        for n in 0..3000 {
            limiter.take(&id(&format!("p{n}")), 1, 0).unwrap();
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        assert!(limiter.paid_until.lock().unwrap().len() <= MOST_IDLE + 1);
    }
}
