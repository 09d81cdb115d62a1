use std::time::Duration;

use tokio::time::Instant;

use crate::model::log_forwarding::LogForwarding;

/// Keeps a plugin to its rate of lines, and counts what is over it.
#[derive(Debug)]
pub(super) struct Flood {
    interval: Duration,
    ahead: Duration,
    /// The moment up to which lines are paid for: a token bucket in one number.
    paid_until: Option<Instant>,
    suppressed: u64,
}

impl Flood {
    pub(super) fn new(options: LogForwarding) -> Self {
        let interval = Duration::from_secs(1) / options.lines_per_second;
        Self {
            interval,
            ahead: interval.saturating_mul(options.burst),
            paid_until: None,
            suppressed: 0,
        }
    }

    /// Whether one more line may pass.
    pub(super) fn admit(&mut self, now: Instant) -> bool {
        let paid = self.paid_until.map_or(now, |paid| paid.max(now)) + self.interval;
        let passes = paid.saturating_duration_since(now) <= self.ahead;
        if passes {
            self.paid_until = Some(paid);
        } else {
            self.suppressed = self.suppressed.saturating_add(1);
        }
        passes
    }

    pub(super) fn take_suppressed(&mut self) -> u64 {
        std::mem::take(&mut self.suppressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let mut flood = Flood::new(LogForwarding::default().lines_per_second(10).burst(5));
        let start = Instant::now();
        let passed = (0..100).filter(|_| flood.admit(start)).count();
        assert_eq!(
            (passed, flood.take_suppressed(), flood.take_suppressed()),
            (5, 95, 0)
        );
        let later = start + Duration::from_millis(200);
        assert_eq!((0..100).filter(|_| flood.admit(later)).count(), 2);
        let much_later = start + Duration::from_secs(3600);
        assert_eq!((0..100).filter(|_| flood.admit(much_later)).count(), 5);
    }
}
