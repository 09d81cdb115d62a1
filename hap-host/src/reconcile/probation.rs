use std::time::{Duration, Instant};

use crate::model::{
    failure::{Failure, FailureCause},
    run_policy::ProbationPolicy,
};

/// A version that is being watched.
#[derive(Debug)]
pub(super) struct Probation {
    policy: ProbationPolicy,
    /// From the first start on.
    until: Option<Instant>,
    failed_runs: u32,
    last: Option<Failure>,
    /// Nothing that happens from now on would change it.
    lost: bool,
    /// It ended well, and is not one that is started again for that.
    finished: bool,
}

/// What became of a version on probation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProbationVerdict {
    Passed,
    Failed(Failure),
}

impl Probation {
    pub(super) const fn new(policy: ProbationPolicy) -> Self {
        Self {
            policy,
            until: None,
            failed_runs: 0,
            last: None,
            lost: false,
            finished: false,
        }
    }

    /// The longest pause between two looks at its health.
    pub(super) fn pace(&self) -> Duration {
        self.policy.pace()
    }

    /// A run ended well, and there will be no other.
    pub(super) const fn finished(&mut self) {
        self.finished = true;
    }

    /// A run failed, and there will be no other.
    pub(super) const fn given_up(&mut self) {
        self.lost = true;
    }

    /// A run of the new version began.
    pub(super) fn run_began(&mut self, now: Instant) {
        self.until.get_or_insert(now + self.policy.within);
    }

    /// It shall not run for now: the time starts again with its next run.
    pub(super) const fn pause(&mut self) {
        self.until = None;
    }

    pub(super) fn failed(&mut self, failure: &Failure) {
        match failure.cause {
            // None of them is the version's fault.
            FailureCause::Dependency
            | FailureCause::Engine
            | FailureCause::NotPermitted
            | FailureCause::IsolationLost => return,
            // It was healthy, and then was not for several looks in a row. Starting it anew would
            // only begin that again.
            FailureCause::Unresponsive => self.lost = true,
            cause if cause.is_permanent() => self.lost = true,
            _ => self.failed_runs = self.failed_runs.saturating_add(1),
        }
        self.lost |= self.failed_runs >= self.policy.failed_runs;
        self.last = Some(failure.clone());
    }

    /// `proven` is for how long all answers of the new version's run were good ones,
    /// the last included.
    pub(super) fn judge(&self, proven: Option<Duration>, now: Instant) -> Option<ProbationVerdict> {
        if self.finished || proven.is_some_and(|proven| proven >= self.policy.healthy_for) {
            return Some(ProbationVerdict::Passed);
        }
        let late = self.until.is_some_and(|until| until <= now);
        (self.lost || late).then(|| {
            let failure = self.last.clone().unwrap_or_else(|| {
                let message = format!(
                    "was not healthy for {:?} within {:?}",
                    self.policy.healthy_for, self.policy.within
                );
                Failure::new(FailureCause::NotHealthyInTime, message)
            });
            ProbationVerdict::Failed(failure)
        })
    }

    /// When it has to be judged next, if no answer comes before.
    pub(super) const fn wake_at(&self) -> Option<Instant> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn exited() -> Failure {
        Failure::new(FailureCause::Exited, "ended with exit code 1")
    }

    #[test]
    fn ten_healthy_seconds_pass_and_one_less_does_not() {
        let (now, probation) = (Instant::now(), Probation::new(ProbationPolicy::default()));
        assert_eq!(probation.judge(Some(secs(9)), now), None);
        assert_eq!(
            probation.judge(Some(secs(10)), now),
            Some(ProbationVerdict::Passed)
        );
    }

    #[test]
    fn the_time_counts_from_the_first_start_and_not_while_it_shall_not_run() {
        let now = Instant::now();
        let mut probation = Probation::new(ProbationPolicy::default());
        assert_eq!(probation.judge(None, now + secs(3000)), None);
        probation.run_began(now);
        probation.run_began(now + secs(200));
        assert_eq!(probation.judge(None, now + secs(299)), None);
        assert_eq!(probation.wake_at(), Some(now + secs(300)));
        probation.pause();
        assert_eq!(probation.judge(None, now + secs(301)), None);
        probation.run_began(now + secs(301));
        let late = probation.judge(Some(secs(3)), now + secs(601));
        assert!(matches!(late, Some(ProbationVerdict::Failed(failure)) if failure.message.contains("10s")));
    }

    #[test]
    fn three_failed_runs_or_one_that_nothing_mends_are_enough() {
        let now = Instant::now();
        let mut probation = Probation::new(ProbationPolicy::default());
        for _ in 0..2 {
            probation.failed(&exited());
            assert_eq!(probation.judge(None, now), None);
        }
        probation.failed(&exited());
        assert_eq!(
            probation.judge(None, now),
            Some(ProbationVerdict::Failed(exited()))
        );

        let mut probation = Probation::new(ProbationPolicy::default());
        let wrong = Failure::new(FailureCause::Configuration, "exit code 78");
        probation.failed(&wrong);
        assert_eq!(probation.judge(None, now), Some(ProbationVerdict::Failed(wrong)));
    }

    #[test]
    fn one_run_that_stops_answering_is_enough() {
        let mut probation = Probation::new(ProbationPolicy::default());
        let silent = Failure::new(FailureCause::Unresponsive, "missed 3 health checks in a row");
        probation.failed(&silent);
        let verdict = probation.judge(None, Instant::now());
        assert_eq!(verdict, Some(ProbationVerdict::Failed(silent)));
    }

    #[test]
    fn a_version_is_looked_at_every_second_or_oftener() {
        for (healthy_for, pace) in [
            (0, 20),
            (200, 20),
            (2_000, 200),
            (10_000, 1_000),
            (3_600_000, 1_000),
        ] {
            let policy = ProbationPolicy::default().healthy_for(Duration::from_millis(healthy_for));
            assert_eq!(policy.pace(), Duration::from_millis(pace), "{healthy_for}");
        }
    }

    #[test]
    fn what_the_version_cannot_help_is_not_held_against_it() {
        let mut probation = Probation::new(ProbationPolicy::default());
        for cause in [
            FailureCause::Engine,
            FailureCause::Dependency,
            FailureCause::NotPermitted,
        ] {
            for _ in 0..5 {
                probation.failed(&Failure::new(cause, "not its fault"));
            }
        }
        assert_eq!(probation.judge(None, Instant::now()), None);
    }

    #[test]
    fn a_slow_starter_has_its_own_start_period() {
        let policy = ProbationPolicy::default().for_start_period(secs(600));
        assert_eq!(policy.within, secs(615));
        assert_eq!(
            ProbationPolicy::default().for_start_period(secs(60)).within,
            secs(300)
        );
    }

    #[test]
    fn figures_that_let_no_version_pass_are_refused() {
        assert!(ProbationPolicy::default().check().is_ok());
        assert!(ProbationPolicy::default().failed_runs(0).check().is_err());
        assert!(ProbationPolicy::default().within(secs(5)).check().is_err());
        assert!(ProbationPolicy::default().within(secs(10)).check().is_err());
    }
}
