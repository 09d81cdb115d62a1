use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::model::run_policy::RestartPolicy;

/// Counts failures and says how long to wait before the next start.
#[derive(Debug)]
pub(super) struct Backoff {
    policy: RestartPolicy,
    /// Failures since the last reset; saturates.
    attempts: u32,
    /// The newest failures, at most as many as make a loop.
    recent: VecDeque<Instant>,
    looping: bool,
    jitter: Jitter,
}

/// What a change of the count did to the crash loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoopChange {
    None,
    Entered,
    Left,
}

impl Backoff {
    pub(super) fn new(policy: RestartPolicy, seed: u64) -> Self {
        Self {
            policy,
            attempts: 0,
            recent: VecDeque::new(),
            looping: false,
            jitter: Jitter::new(seed),
        }
    }

    /// Holds from the next failure on.
    pub(super) fn set_policy(&mut self, policy: RestartPolicy) {
        self.policy = policy;
    }

    /// Whether a run that ended so is followed by another.
    pub(super) const fn mode(&self) -> hap_manifest::RestartMode {
        self.policy.mode
    }

    pub(super) const fn is_looping(&self) -> bool {
        self.looping
    }

    /// Counts a failure after a run that was healthy for `healthy_run`; returns the wait before
    /// the next start.
    pub(super) fn failed(&mut self, healthy_run: Duration, now: Instant) -> (Duration, LoopChange) {
        self.attempts = self.attempts.saturating_add(1);
        self.recent.push_back(now);
        if self.recent.len() > self.policy.loop_failures {
            self.recent.pop_front();
        }
        let full = self.recent.len() >= self.policy.loop_failures;
        let within = self
            .recent
            .front()
            .is_some_and(|first| now.duration_since(*first) <= self.policy.loop_window);
        let entered = full && within && !self.looping;
        self.looping |= entered;
        let change = if entered {
            LoopChange::Entered
        } else {
            LoopChange::None
        };
        if healthy_run >= self.policy.calm_run && !self.looping {
            return (Duration::ZERO, change);
        }
        let doublings = self.attempts.saturating_sub(1).min(31);
        let plain = self
            .policy
            .first_delay
            .saturating_mul(1 << doublings)
            .min(self.policy.max_delay);
        (self.jitter.around(plain, 20), change)
    }

    /// Forgets failures when health has lasted; call it while the plugin is healthy.
    pub(super) fn healthy_for(&mut self, healthy_run: Duration, now: Instant) -> LoopChange {
        if healthy_run >= self.policy.reset_after {
            self.attempts = 0;
            self.recent.clear();
        }
        let calm = self
            .recent
            .front()
            .is_none_or(|first| now.duration_since(*first) > self.policy.loop_window);
        if self.looping && calm {
            self.looping = false;
            return LoopChange::Left;
        }
        LoopChange::None
    }

    /// Forgets everything: someone acted.
    pub(super) fn reset(&mut self) -> LoopChange {
        self.attempts = 0;
        self.recent.clear();
        if std::mem::take(&mut self.looping) {
            LoopChange::Left
        } else {
            LoopChange::None
        }
    }

    pub(super) const fn jitter(&mut self) -> &mut Jitter {
        &mut self.jitter
    }
}

/// A small deterministic generator (xorshift64*): spreads plugins out, decides nothing.
#[derive(Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    const fn new(seed: u64) -> Self {
        // Zero is the one state that the generator never leaves.
        Self(if seed == 0 { 0x9E37_79B9_7F4A_7C15 } else { seed })
    }

    /// `base` moved by up to `percent` either way.
    pub(super) fn around(&mut self, base: Duration, percent: u32) -> Duration {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let draw = u32::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32).unwrap_or(u32::MAX);
        let permille = 1000 - percent * 10 + draw % (percent * 20 + 1);
        base.saturating_mul(permille) / 1000
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn one_crash_after_a_calm_run_is_answered_at_once() {
        let mut backoff = Backoff::new(RestartPolicy::default(), 7);
        assert_eq!(
            backoff.failed(secs(10), Instant::now()),
            (Duration::ZERO, LoopChange::None)
        );
    }

    #[test]
    fn dying_every_eleven_seconds_is_seen_as_a_loop_and_slowed_down() {
        let mut backoff = Backoff::new(RestartPolicy::default(), 7);
        let mut now = Instant::now();
        let mut delays = Vec::new();
        let mut entered = 0;
        for _ in 0..8 {
            let (delay, change) = backoff.failed(secs(11), now);
            delays.push(delay);
            entered += u32::from(change == LoopChange::Entered);
            now += secs(11) + delay;
        }
        assert_eq!(entered, 1);
        assert_eq!(&delays[..2], &[Duration::ZERO, Duration::ZERO]);
        assert!(delays[2] >= Duration::from_millis(1600), "{delays:?}");
        assert!(delays[7] >= secs(48), "{delays:?}");
    }

    #[test]
    fn a_loop_is_left_only_after_the_window_has_passed_in_health() {
        let mut backoff = Backoff::new(RestartPolicy::default(), 7);
        let start = Instant::now();
        for n in 0..3 {
            backoff.failed(Duration::ZERO, start + secs(n));
        }
        assert!(backoff.is_looping());
        assert_eq!(
            backoff.healthy_for(secs(590), start + secs(595)),
            LoopChange::None
        );
        assert_eq!(
            backoff.healthy_for(secs(600), start + secs(605)),
            LoopChange::Left
        );
        assert!(!backoff.is_looping());
    }

    proptest! {
        #[test]
        fn delays_stay_within_the_law_for_any_number_of_failures(seed: u64, failures in 1u32..200) {
            let policy = RestartPolicy::default();
            let mut backoff = Backoff::new(policy.clone(), seed);
            let mut now = Instant::now();
            for n in 0..failures {
                let (delay, _) = backoff.failed(Duration::ZERO, now);
                let plain = policy.first_delay.saturating_mul(1u32 << n.min(31)).min(policy.max_delay);
                prop_assert!(delay >= plain.mul_f64(0.8) - Duration::from_millis(1), "{n}: {delay:?}");
                prop_assert!(delay <= plain.mul_f64(1.2) + Duration::from_millis(1), "{n}: {delay:?}");
                now += delay;
            }
        }

        #[test]
        fn the_count_saturates_instead_of_overflowing(seed: u64) {
            let mut backoff = Backoff::new(RestartPolicy::default(), seed);
            backoff.attempts = u32::MAX - 1;
            for _ in 0..3 {
                let (delay, _) = backoff.failed(Duration::ZERO, Instant::now());
                prop_assert!(delay >= secs(48));
            }
        }
    }
}
