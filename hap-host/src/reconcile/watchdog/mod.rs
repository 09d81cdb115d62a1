use std::time::{Duration, Instant};

use super::backoff::Jitter;
use crate::model::{probe::ProbeResult, run_policy::HealthPolicy};

/// Turns probe results into verdicts; one value lives as long as the plugin, one run
/// after the other.
#[derive(Debug)]
pub(super) struct Watchdog {
    policy: HealthPolicy,
    /// The longest pause between two probes, where the run is watched more closely than its
    /// policy asks for.
    pace: Option<Duration>,
    run: Run,
    /// Tells the runs apart, so that a late answer of an earlier run counts for nothing.
    generation: u64,
}

#[derive(Debug)]
enum Run {
    Down,
    Starting {
        deadline: Instant,
        pause: Duration,
        next: Next,
        last_miss: Option<String>,
    },
    Up {
        healthy_since: Instant,
        /// Since when every probe had a good answer, and when the last of them was sent. `None`
        /// from a miss on.
        unbroken: Option<Unbroken>,
        misses: u32,
        /// When the first of them came.
        missing_since: Instant,
        /// Why the last of them was one.
        missed: Option<String>,
        degraded: bool,
        next: Next,
    },
}

#[derive(Debug, Clone, Copy)]
struct Unbroken {
    since: Instant,
    last_sent: Instant,
}

#[derive(Debug, Clone, Copy)]
enum Next {
    At(Instant),
    /// Sent at this moment.
    InFlight(Instant),
}

/// What a probe, or the passing of time, means for the plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Nothing,
    /// The first answer of this run.
    BecameHealthy,
    /// Well again after misses, or degraded changed.
    Answered,
    /// A miss that is not the last straw.
    Missed {
        misses: u32,
        reason: String,
    },
    /// Too many misses in a row.
    Unresponsive {
        misses: u32,
        reason: String,
    },
    /// Never answered before the start-up deadline.
    NotHealthyInTime {
        last_miss: Option<String>,
    },
}

impl Watchdog {
    pub(super) const fn new(policy: HealthPolicy) -> Self {
        Self {
            policy,
            pace: None,
            run: Run::Down,
            generation: 0,
        }
    }

    /// Lets no more than `pace` pass between two probes, from now on.
    pub(super) fn set_pace(&mut self, pace: Option<Duration>, now: Instant) {
        if self.pace == pace {
            return;
        }
        self.pace = pace;
        if let (
            Run::Up {
                next: Next::At(at), ..
            },
            Some(pace),
        ) = (&mut self.run, pace)
        {
            *at = (*at).min(now + pace);
        }
    }

    /// Holds from the next due time on.
    pub(super) fn set_policy(&mut self, policy: HealthPolicy) {
        self.policy = policy;
    }

    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    /// A run began: probe at once.
    pub(super) fn started(&mut self, now: Instant) {
        self.generation += 1;
        self.run = Run::Starting {
            deadline: now + self.policy.startup_deadline,
            pause: self.policy.startup_first,
            next: Next::At(now),
            last_miss: None,
        };
    }

    /// The run ended; returns how long it had been healthy.
    pub(super) fn stopped(&mut self, now: Instant) -> Duration {
        let healthy = self.healthy_run(now);
        self.generation += 1;
        self.run = Run::Down;
        healthy
    }

    pub(super) fn healthy_run(&self, now: Instant) -> Duration {
        match self.run {
            Run::Up { healthy_since, .. } => now.saturating_duration_since(healthy_since),
            _ => Duration::ZERO,
        }
    }

    /// For how long every probe of this run had a good answer: from the first of them to when the
    /// last was sent, because nothing is known of the time after. `None` from a miss until the
    /// next good answer.
    pub(super) fn proven_run(&self) -> Option<Duration> {
        match self.run {
            Run::Up { unbroken, .. } => {
                unbroken.map(|proven| proven.last_sent.saturating_duration_since(proven.since))
            }
            _ => None,
        }
    }

    pub(super) const fn is_healthy(&self) -> bool {
        matches!(self.run, Run::Up { misses: 0, .. })
    }

    pub(super) const fn is_up(&self) -> bool {
        matches!(self.run, Run::Up { .. })
    }

    /// Why the last health check was missed, until the next good answer.
    pub(super) fn missed(&self) -> Option<&str> {
        match &self.run {
            Run::Up { missed, .. } => missed.as_deref(),
            _ => None,
        }
    }

    pub(super) const fn is_degraded(&self) -> bool {
        matches!(self.run, Run::Up { degraded: true, .. })
    }

    /// Whether a probe shall be launched now; says yes once for each due time.
    pub(super) fn take_due(&mut self, now: Instant) -> bool {
        let (Run::Starting { next, .. } | Run::Up { next, .. }) = &mut self.run else {
            return false;
        };
        match next {
            Next::At(at) if *at <= now => {
                *next = Next::InFlight(now);
                true
            }
            _ => false,
        }
    }

    /// When something is due next.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        match &self.run {
            Run::Down => None,
            Run::Starting {
                deadline,
                next: Next::At(at),
                ..
            } => Some((*at).min(*deadline)),
            Run::Starting {
                deadline,
                next: Next::InFlight(_),
                ..
            } => Some(*deadline),
            Run::Up {
                next: Next::At(at), ..
            } => Some(*at),
            Run::Up {
                next: Next::InFlight(_),
                ..
            } => None,
        }
    }

    /// Checks the start-up deadline.
    pub(super) fn tick(&mut self, now: Instant) -> Verdict {
        match &mut self.run {
            Run::Starting {
                deadline, last_miss, ..
            } if *deadline <= now => {
                let last_miss = last_miss.take();
                self.run = Run::Down;
                self.generation += 1;
                Verdict::NotHealthyInTime { last_miss }
            }
            _ => Verdict::Nothing,
        }
    }

    /// Takes the result of a probe of run `generation`.
    pub(super) fn probed(
        &mut self,
        generation: u64,
        result: ProbeResult,
        jitter: &mut Jitter,
        now: Instant,
    ) -> Verdict {
        if generation != self.generation {
            return Verdict::Nothing;
        }
        // A closer watch sees a miss sooner, and gives a run up no sooner than its policy would.
        let tolerated = self.pace.map_or(Duration::ZERO, |pace| {
            let pauses = self.policy.retries.max(1) - 1;
            self.policy.interval.saturating_sub(pace) * pauses
        });
        let pause = jitter.around(self.policy.interval, 10);
        let regular = Next::At(now + self.pace.map_or(pause, |pace| pace.min(pause)));
        match (&mut self.run, result) {
            (Run::Down, _) => Verdict::Nothing,
            (Run::Starting { .. }, ProbeResult::Answered { degraded, .. }) => {
                self.run = Run::Up {
                    healthy_since: now,
                    unbroken: Some(Unbroken {
                        since: now,
                        last_sent: now,
                    }),
                    misses: 0,
                    missing_since: now,
                    missed: None,
                    degraded,
                    next: regular,
                };
                Verdict::BecameHealthy
            }
            (
                Run::Starting {
                    pause,
                    next,
                    last_miss,
                    ..
                },
                ProbeResult::Missed(reason),
            ) => {
                *next = Next::At(now + *pause);
                *pause = (*pause * 2).min(self.policy.startup_max);
                *last_miss = Some(reason);
                self.tick(now)
            }
            // The time in which it cannot be asked is not the plugin's.
            (
                Run::Starting {
                    deadline,
                    pause,
                    next,
                    ..
                },
                ProbeResult::NotAsked(_),
            ) => {
                let since = match *next {
                    Next::InFlight(sent) => sent,
                    Next::At(_) => now,
                };
                *deadline += now.saturating_duration_since(since) + *pause;
                *next = Next::At(now + *pause);
                *pause = (*pause * 2).min(self.policy.startup_max);
                Verdict::Nothing
            }
            // Nothing is known of this moment, neither good nor bad.
            (Run::Up { unbroken, next, .. }, ProbeResult::NotAsked(_)) => {
                *unbroken = None;
                *next = regular;
                Verdict::Nothing
            }
            (
                Run::Up {
                    unbroken,
                    misses,
                    missed,
                    degraded,
                    next,
                    ..
                },
                ProbeResult::Answered {
                    degraded: now_degraded,
                    ..
                },
            ) => {
                let last_sent = match *next {
                    Next::InFlight(sent) => sent,
                    Next::At(_) => now,
                };
                *unbroken = Some(match *unbroken {
                    Some(Unbroken { since, .. }) => Unbroken { since, last_sent },
                    None => Unbroken {
                        since: now,
                        last_sent: now,
                    },
                });
                *next = regular;
                *misses = 0;
                *missed = None;
                *degraded = now_degraded;
                Verdict::Answered
            }
            (
                Run::Up {
                    unbroken,
                    misses,
                    missing_since,
                    missed,
                    next,
                    ..
                },
                ProbeResult::Missed(reason),
            ) => {
                *unbroken = None;
                *next = regular;
                if *misses == 0 {
                    *missing_since = now;
                }
                *misses += 1;
                *missed = Some(reason.clone());
                let (misses, missing_for) = (*misses, now.saturating_duration_since(*missing_since));
                if misses >= self.policy.retries.max(1) && missing_for >= tolerated {
                    self.run = Run::Down;
                    self.generation += 1;
                    return Verdict::Unresponsive { misses, reason };
                }
                Verdict::Missed { misses, reason }
            }
        }
    }
}

#[cfg(test)]
mod tests;
