use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hap_manifest::PluginId;
use tokio::time::Instant;

/// Plugins remembered before those that are at rest are dropped.
const MOST_IDLE: usize = 1024;

/// How many events a plugin may send: so many in a second for long, and so many at once.
///
/// ```
/// use std::num::NonZeroU32;
///
/// use hap_host::EventRate;
///
/// let number = |n| NonZeroU32::new(n).ok_or("zero");
/// assert_eq!(EventRate::default(), EventRate::new(number(100)?, number(1000)?));
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRate {
    per_second: NonZeroU32,
    burst: NonZeroU32,
}

impl EventRate {
    /// Events in a second for long, and at once. A burst smaller than a request lets the request pass alone.
    #[must_use]
    pub const fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        Self { per_second, burst }
    }

    /// What one event costs.
    fn interval(self) -> Duration {
        Duration::from_secs(1) / self.per_second.get()
    }
}

impl Default for EventRate {
    /// 100 in a second, 1,000 at once.
    fn default() -> Self {
        const PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);
        const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(999);
        Self::new(PER_SECOND, BURST)
    }
}

/// Keeps every plugin to its rate.
///
/// For each one it holds the moment up to which its events are paid for: never earlier than now, and at most a
/// burst ahead. That is a token bucket in one number, without rounding.
#[derive(Debug)]
pub(super) struct RateLimiter {
    rate: EventRate,
    paid_until: Mutex<HashMap<PluginId, Instant>>,
}

impl RateLimiter {
    pub(super) fn new(rate: EventRate) -> Self {
        Self {
            rate,
            paid_until: Mutex::default(),
        }
    }

    /// Takes so many events of a plugin, or says after what time they would be taken.
    pub(super) fn take(&self, plugin: &PluginId, events: usize) -> Result<(), Duration> {
        let now = Instant::now();
        let burst = self.rate.burst.get();
        // An empty request costs something too; one larger than the burst must pass some time.
        let events = u32::try_from(events).unwrap_or(u32::MAX).clamp(1, burst);
        let interval = self.rate.interval();
        let mut all = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() > MOST_IDLE {
            all.retain(|_, paid_until| *paid_until > now);
        }
        let paid_until = all.get(plugin).map_or(now, |paid_until| (*paid_until).max(now));
        let wanted = paid_until + interval * events;
        let ahead = wanted.saturating_duration_since(now);
        match ahead.checked_sub(interval * burst) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                all.insert(plugin.clone(), wanted);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(per_second: u32, burst: u32) -> RateLimiter {
        let number = |n| NonZeroU32::new(n).unwrap();
        RateLimiter::new(EventRate::new(number(per_second), number(burst)))
    }

    fn id(name: &str) -> PluginId {
        PluginId::new(name).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_the_rate_holds() {
        let limiter = limiter(100, 1000);
        assert_eq!(limiter.take(&id("a"), 500), Ok(()));
        assert_eq!(limiter.take(&id("a"), 500), Ok(()));
        assert_eq!(limiter.take(&id("a"), 100), Err(Duration::from_secs(1)));
        assert_eq!(limiter.take(&id("b"), 1000), Ok(()), "each plugin has its own");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(limiter.take(&id("a"), 100), Ok(()));
        assert_eq!(limiter.take(&id("a"), 1), Err(Duration::from_millis(10)));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(limiter.take(&id("a"), 1000), Ok(()));
        assert!(
            limiter.take(&id("a"), 1).is_err(),
            "no more than a burst is saved up"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_larger_than_the_burst_passes_alone() {
        let limiter = limiter(1, 10);
        assert_eq!(limiter.take(&id("a"), 500), Ok(()));
        assert_eq!(limiter.take(&id("a"), 500), Err(Duration::from_secs(10)));
    }

    #[tokio::test(start_paused = true)]
    async fn plugins_at_rest_are_not_remembered_for_ever() {
        let limiter = limiter(100, 100);
        for n in 0..3000 {
            limiter.take(&id(&format!("p{n}")), 1).unwrap();
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        assert!(limiter.paid_until.lock().unwrap().len() <= MOST_IDLE + 1);
    }
}
