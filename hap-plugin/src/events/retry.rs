//! When to send again.

use std::time::Duration;

/// Waits after the first, second, ... failure of a message; the last one repeats.
const WAITS: [Duration; 6] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
];

/// Longest wait that a platform may ask for.
const MAX_ASKED: Duration = Duration::from_secs(60 * 60);

/// How long to wait after this many failures (from one), at least what the platform asked for.
///
/// `seed` spreads the waits by a fifth either way, so that plugins do not come back all at once.
pub(super) fn wait(failures: usize, asked: Option<Duration>, seed: u8) -> Duration {
    let index = failures.saturating_sub(1).min(WAITS.len() - 1);
    let base = WAITS.get(index).copied().unwrap_or_default();
    // 0.8 to 1.2 in 255 steps.
    let jittered = base.mul_f64(0.8 + 0.4 * f64::from(seed) / 255.0);
    asked.map_or(jittered, |asked| jittered.max(asked.min(MAX_ASKED)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_half_an_hour() {
        let middle = |failures| wait(failures, None, 128).as_secs_f64().round();
        let waits: Vec<f64> = (1..=8).map(middle).collect();
        assert_eq!(waits, [1.0, 5.0, 30.0, 120.0, 600.0, 1801.0, 1801.0, 1801.0]);
    }

    #[test]
    fn jitter_is_a_fifth_either_way() {
        assert_eq!(wait(2, None, 0), Duration::from_secs(4));
        assert_eq!(wait(2, None, 255), Duration::from_secs(6));
    }

    #[test]
    fn the_platform_may_ask_for_more_but_not_for_ever() {
        assert_eq!(wait(1, Some(Duration::from_secs(90)), 0), Duration::from_secs(90));
        assert_eq!(wait(3, Some(Duration::ZERO), 0), Duration::from_secs(24));
        assert_eq!(
            wait(1, Some(Duration::from_secs(1_000_000)), 0),
            Duration::from_secs(3600)
        );
    }
}
