use std::time::{Duration, Instant};

use super::backoff::Jitter;
use crate::model::{probe::ProbeResult, run_policy::HealthPolicy};

/// Turns probe results into verdicts; one value lives as long as the plugin, one run after the other.
#[derive(Debug)]
pub(super) struct Watchdog {
    policy: HealthPolicy,
    /// The longest pause between two probes, where the run is watched more closely than its policy asks for.
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
        /// Since when every probe had a good answer, and when the last of them was sent. `None` from a miss on.
        unbroken: Option<Unbroken>,
        misses: u32,
        /// When the first of them came.
        missing_since: Instant,
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

    /// For how long every probe of this run had a good answer: from the first of them to when the last was sent, because
    /// nothing is known of the time after. `None` from a miss until the next good answer.
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
            (
                Run::Up {
                    unbroken,
                    misses,
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
                *degraded = now_degraded;
                Verdict::Answered
            }
            (
                Run::Up {
                    unbroken,
                    misses,
                    missing_since,
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
mod tests {
    use super::*;
    use crate::{model::run_policy::RestartPolicy, reconcile::backoff::Backoff};

    fn miss() -> ProbeResult {
        ProbeResult::Missed("timed out".to_owned())
    }

    fn hit() -> ProbeResult {
        ProbeResult::Answered {
            degraded: false,
            message: None,
        }
    }

    struct Bench {
        dog: Watchdog,
        jitter: Backoff,
        now: Instant,
    }

    impl Bench {
        fn new() -> Self {
            let mut bench = Self {
                dog: Watchdog::new(HealthPolicy::default()),
                jitter: Backoff::new(RestartPolicy::default(), 3),
                now: Instant::now(),
            };
            bench.dog.started(bench.now);
            bench
        }

        /// Waits until the next probe is due, launches it and hands in its result.
        fn probe(&mut self, result: ProbeResult) -> Verdict {
            self.now = self.now.max(self.dog.wake_at().unwrap());
            assert!(self.dog.take_due(self.now));
            self.dog
                .probed(self.dog.generation(), result, self.jitter.jitter(), self.now)
        }
    }

    #[test]
    fn start_up_probes_double_from_20_ms_to_500_ms() {
        let mut bench = Bench::new();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let before = bench.now;
            bench.probe(miss());
            pauses.push((bench.dog.wake_at().unwrap() - before.max(bench.now)).as_millis());
        }
        assert_eq!(pauses, [20, 40, 80, 160, 320, 500, 500, 500]);
    }

    #[test]
    fn misses_that_are_not_in_a_row_never_add_up() {
        let mut bench = Bench::new();
        assert_eq!(bench.probe(hit()), Verdict::BecameHealthy);
        for _ in 0..1000 {
            assert!(matches!(bench.probe(miss()), Verdict::Missed { misses: 1, .. }));
            assert!(matches!(bench.probe(miss()), Verdict::Missed { misses: 2, .. }));
            assert_eq!(bench.probe(hit()), Verdict::Answered);
        }
    }

    #[test]
    fn three_misses_in_a_row_are_unresponsive() {
        let mut bench = Bench::new();
        bench.probe(hit());
        bench.probe(miss());
        bench.probe(miss());
        assert!(matches!(
            bench.probe(miss()),
            Verdict::Unresponsive { misses: 3, .. }
        ));
    }

    #[test]
    fn a_slow_starter_of_forty_seconds_is_not_given_up() {
        let mut bench = Bench::new();
        let start = bench.now;
        while bench.now < start + Duration::from_secs(40) {
            assert_eq!(bench.probe(miss()), Verdict::Nothing);
        }
        assert_eq!(bench.probe(hit()), Verdict::BecameHealthy);
    }

    #[test]
    fn one_that_never_answers_is_given_up_at_the_deadline_with_the_last_reason() {
        let mut bench = Bench::new();
        let start = bench.now;
        loop {
            match bench.probe(miss()) {
                Verdict::Nothing => assert!(bench.now < start + Duration::from_secs(61)),
                verdict => {
                    let last_miss = Some("timed out".to_owned());
                    assert_eq!(verdict, Verdict::NotHealthyInTime { last_miss });
                    break;
                }
            }
            bench.now = bench.dog.wake_at().unwrap();
            if bench.now >= start + Duration::from_secs(60) {
                assert!(matches!(
                    bench.dog.tick(bench.now),
                    Verdict::NotHealthyInTime { .. }
                ));
                break;
            }
        }
    }

    #[test]
    fn what_is_proven_ends_where_the_last_good_probe_was_sent_and_breaks_with_a_miss() {
        let mut bench = Bench::new();
        bench.dog.set_pace(Some(Duration::from_secs(1)), bench.now);
        bench.probe(hit());
        assert_eq!(bench.dog.proven_run(), Some(Duration::ZERO));
        for second in 1..=5 {
            bench.probe(hit());
            assert_eq!(bench.dog.proven_run(), Some(Duration::from_secs(second)));
        }
        // The answer to the next comes late, and says nothing of the time after it was asked for.
        bench.now += Duration::from_secs(1);
        assert!(bench.dog.take_due(bench.now));
        bench.now += Duration::from_secs(2);
        let generation = bench.dog.generation();
        bench
            .dog
            .probed(generation, hit(), bench.jitter.jitter(), bench.now);
        assert_eq!(bench.dog.proven_run(), Some(Duration::from_secs(6)));
        bench.probe(miss());
        assert_eq!(bench.dog.proven_run(), None);
        bench.probe(hit());
        assert_eq!(bench.dog.proven_run(), Some(Duration::ZERO));
        assert!(bench.dog.healthy_run(bench.now) > Duration::from_secs(9));
    }

    #[test]
    fn a_closer_watch_gives_a_run_up_no_sooner_than_its_policy_would() {
        let mut bench = Bench::new();
        bench.dog.set_pace(Some(Duration::from_secs(1)), bench.now);
        bench.probe(hit());
        let first = bench.now;
        let mut misses = 0;
        while let Verdict::Missed { .. } | Verdict::Nothing = bench.probe(miss()) {
            misses += 1;
        }
        let time = (bench.now - first).as_secs();
        assert!(
            misses > 10 && (19..=22).contains(&time),
            "{misses} misses in {time} s"
        );
    }

    #[test]
    fn a_closer_watch_begins_at_once_and_leaves_a_quicker_policy_alone() {
        let mut bench = Bench::new();
        bench.probe(hit());
        assert!(bench.dog.wake_at().unwrap() > bench.now + Duration::from_secs(8));
        bench.dog.set_pace(Some(Duration::from_secs(1)), bench.now);
        assert_eq!(bench.dog.wake_at(), Some(bench.now + Duration::from_secs(1)));
        bench.dog.set_policy(HealthPolicy {
            interval: Duration::from_millis(200),
            ..HealthPolicy::default()
        });
        bench.probe(hit());
        assert!(bench.dog.wake_at().unwrap() < bench.now + Duration::from_millis(300));
        bench.dog.set_policy(HealthPolicy::default());
        bench.dog.set_pace(None, bench.now);
        bench.probe(hit());
        assert!(bench.dog.wake_at().unwrap() > bench.now + Duration::from_secs(8));
    }

    #[test]
    fn an_answer_of_an_earlier_run_counts_for_nothing() {
        let mut bench = Bench::new();
        let earlier = bench.dog.generation();
        bench.dog.stopped(bench.now);
        bench.dog.started(bench.now);
        let verdict = bench.dog.probed(earlier, hit(), bench.jitter.jitter(), bench.now);
        assert_eq!(verdict, Verdict::Nothing);
        assert!(!bench.dog.is_up());
    }
}
