//! How plugins are restarted, probed and put on probation.

use std::time::Duration;

use hap_manifest::RestartMode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::amount::{Time, at_least_one, duration};

/// How often a version is looked at, at least, while it has to be healthy.
const LOOKS: u32 = 10;
/// Bounds of the pause between two looks.
const SHORTEST_PACE: Duration = Duration::from_millis(20);
const LONGEST_PACE: Duration = Duration::from_secs(1);
/// Time for the look that proves the end of the time, and for its answer.
const LAST_LOOK: Duration = Duration::from_secs(5);

/// When a plugin that ended is started again.
///
/// A plugin that ended after it was healthy for at least [`calm_run`](Self::calm_run) is started at
/// once, unless it is in a crash loop. Every other start waits: [`first_delay`](Self::first_delay),
/// doubled each time, up to [`max_delay`](Self::max_delay), each with 20 % of jitter either way.
/// The count starts anew after [`reset_after`](Self::reset_after) of health; that the plugin runs
/// is not enough. The supervisor never gives up on its own: a crash loop is a visible state with
/// its own events, and starts go on at the longest delay.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RestartPolicy {
    /// Delay before the first start after a short run. Default 500 ms.
    #[serde(with = "duration")]
    #[schemars(with = "Time")]
    pub first_delay: Duration,
    /// Longest delay. Default 60 s.
    #[serde(with = "duration")]
    #[schemars(with = "Time")]
    pub max_delay: Duration,
    /// A healthy run of this length makes the next start immediate. Default 10 s.
    #[serde(with = "duration")]
    #[schemars(with = "Time")]
    pub calm_run: Duration,
    /// Health for this long forgets earlier failures. Default 10 min.
    #[serde(with = "duration")]
    #[schemars(with = "Time")]
    pub reset_after: Duration,
    /// This many failures within [`loop_window`](Self::loop_window) are a crash loop. Default 3.
    pub loop_failures: usize,
    /// The window in which failures are counted. Default 10 min.
    #[serde(with = "duration")]
    #[schemars(with = "Time")]
    pub loop_window: Duration,
    /// Whether a plugin that ended is started again at all, where its manifest does not say.
    /// Default: always.
    pub mode: RestartMode,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            first_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(60),
            calm_run: Duration::from_secs(10),
            reset_after: Duration::from_secs(600),
            loop_failures: 3,
            loop_window: Duration::from_secs(600),
            mode: RestartMode::Always,
        }
    }
}

impl RestartPolicy {
    /// Refuses figures under which a crash loop could go unseen or spin without a pause.
    pub(crate) fn check(&self) -> Result<(), String> {
        let refuse = |message: &str| Err(format!("restart policy: {message}"));
        if self.first_delay < Duration::from_millis(10) {
            return refuse("first_delay must be at least 10 ms, or a crash loop burns a core");
        }
        if self.max_delay < self.first_delay {
            return refuse("max_delay must not be below first_delay");
        }
        if self.loop_failures < 2 {
            return refuse("loop_failures must be at least 2: one failure is no loop");
        }
        let slowest = self
            .max_delay
            .saturating_mul(u32::try_from(self.loop_failures).unwrap_or(u32::MAX));
        if self.loop_window < slowest {
            return refuse(
                "loop_window must be at least loop_failures x max_delay, or a slow loop is never seen",
            );
        }
        Ok(())
    }

    /// The same for one plugin, with what its manifest says. Its pauses hold as far as they lie
    /// between the shortest and the longest here: a plugin may be calmer than the host asks, not
    /// wilder, and never hide for longer.
    #[must_use]
    pub(crate) fn for_plugin(&self, own: Option<&hap_manifest::RestartPolicy>) -> Self {
        let Some(own) = own else { return self.clone() };
        let first_delay = own.initial().map_or(self.first_delay, |own| {
            own.clamp(self.first_delay, self.max_delay)
        });
        let max_delay = own
            .max()
            .map_or(self.max_delay, |own| own.clamp(first_delay, self.max_delay));
        Self {
            first_delay,
            max_delay,
            mode: own.mode(),
            ..self.clone()
        }
    }
}

/// How health is probed.
///
/// After a start the plugin is asked every [`startup_first`](Self::startup_first), doubling up to
/// [`startup_max`](Self::startup_max), until it answers; then every [`interval`](Self::interval)
/// with 10 % of jitter. Only misses in a row count: one success clears them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HealthPolicy {
    /// First pause of the start-up probe. Default 20 ms.
    #[serde(with = "duration")]
    #[schemars(with = "Time")]
    pub startup_first: Duration,
    /// Longest pause of the start-up probe. Default 500 ms.
    #[serde(with = "duration")]
    #[schemars(with = "Time")]
    pub startup_max: Duration,
    /// A plugin that has not answered by then is started again. Default 60 s, from the start
    /// of its process.
    #[serde(with = "duration")]
    #[schemars(with = "Time")]
    pub startup_deadline: Duration,
    /// Pause between probes of a healthy plugin. Default 10 s.
    #[serde(with = "duration")]
    #[schemars(with = "Time")]
    pub interval: Duration,
    /// An answer that takes longer is a miss. Default 3 s.
    #[serde(with = "duration")]
    #[schemars(with = "Time")]
    pub timeout: Duration,
    /// Misses in a row after which the plugin is started again. Default 3.
    pub retries: u32,
}

impl Default for HealthPolicy {
    fn default() -> Self {
        Self {
            startup_first: Duration::from_millis(20),
            startup_max: Duration::from_millis(500),
            startup_deadline: Duration::from_secs(60),
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(3),
            retries: 3,
        }
    }
}

impl HealthPolicy {
    /// Refuses figures under which no plugin is ever healthy, or probes leave no time for anything
    /// else.
    pub(crate) fn check(&self) -> Result<(), String> {
        let refuse = |message: &str| Err(format!("health policy: {message}"));
        let shortest = Duration::from_millis(1);
        if [self.startup_first, self.interval, self.timeout]
            .iter()
            .any(|time| *time < shortest)
        {
            return refuse(
                "startup_first, interval and timeout must be at least 1 ms, or probes never end or never pass",
            );
        }
        if self.startup_max < self.startup_first {
            return refuse("startup_max must not be below startup_first");
        }
        if self.startup_deadline < self.startup_first {
            return refuse(
                "startup_deadline must not be below startup_first, or no plugin is ever started in time",
            );
        }
        if self.retries == 0 {
            return refuse("retries must be at least 1: the first miss is one");
        }
        Ok(())
    }
}

/// When a new version of a plugin has proven itself.
///
/// While it is watched its health is asked for every second, or ten times in
/// [`healthy_for`](Self::healthy_for) where that is oftener. It passes when every answer was a good
/// one for that long, the last one included: one miss, and the time begins anew. It fails when one
/// of its runs is given up as unresponsive, after too many [failed runs](Self::failed_runs), or
/// when its [time](Self::within) is over.
///
/// ```
/// use std::time::Duration;
/// use hap_host::ProbationPolicy;
///
/// let patient = ProbationPolicy::default().healthy_for(Duration::from_secs(60)).within(Duration::from_secs(900));
/// # let _ = patient;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a policy holds for the supervisor that it is given to"]
pub struct ProbationPolicy {
    /// How long it has to be healthy without a break.
    #[serde(with = "duration")]
    #[schemars(with = "Time")]
    pub(crate) healthy_for: Duration,
    /// How long it may take until it has been, from its first start.
    #[serde(with = "duration")]
    #[schemars(with = "Time")]
    pub(crate) within: Duration,
    /// How many runs may fail before the old version comes back; at least 1.
    #[serde(deserialize_with = "at_least_one")]
    #[schemars(range(min = 1))]
    pub(crate) failed_runs: u32,
}

impl Default for ProbationPolicy {
    fn default() -> Self {
        Self {
            healthy_for: Duration::from_secs(10),
            within: Duration::from_secs(300),
            failed_runs: 3,
        }
    }
}

impl ProbationPolicy {
    /// How long it has to be healthy without a break. Default 10 s.
    pub const fn healthy_for(mut self, time: Duration) -> Self {
        self.healthy_for = time;
        self
    }

    /// How long it may take until it has been, from its first start. More than
    /// [`healthy_for`](Self::healthy_for). A plugin whose `start_period` is longer has that and
    /// `healthy_for` in all cases. Default 5 min.
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// How many runs may fail before the old version comes back without waiting any longer. At
    /// least 1. Default 3. A run that stops answering its health checks is enough by itself, and so
    /// is a failure that no other start would mend, such as exit code 78.
    pub const fn failed_runs(mut self, runs: u32) -> Self {
        self.failed_runs = runs;
        self
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if self.failed_runs == 0 {
            return Err(
                "a probation of 0 failed runs would let no version pass: allow at least 1".to_owned(),
            );
        }
        if self.within <= self.healthy_for {
            let message = format!(
                "a probation within {:?} leaves no time beside {:?} of health: raise the one or lower the other",
                self.within, self.healthy_for
            );
            return Err(message);
        }
        Ok(())
    }

    /// The longest pause between two looks at its health.
    pub(crate) fn pace(&self) -> Duration {
        (self.healthy_for / LOOKS).clamp(SHORTEST_PACE, LONGEST_PACE)
    }

    /// How long it may take.
    pub(crate) const fn longest(&self) -> Duration {
        self.within
    }

    /// The policy for a plugin that may take this long to become healthy.
    pub(crate) fn for_start_period(&self, start_period: Duration) -> Self {
        let needed = start_period
            .saturating_add(self.healthy_for)
            .saturating_add(LAST_LOOK);
        self.clone().within(self.within.max(needed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(mode: RestartMode, initial_ms: u64, max_ms: u64) -> RestartPolicy {
        let pauses = [initial_ms, max_ms].map(Duration::from_millis);
        let own = hap_manifest::RestartPolicy::new(mode)
            .with_pauses(pauses[0], pauses[1])
            .unwrap();
        RestartPolicy::default().for_plugin(Some(&own))
    }

    #[test]
    fn a_plugins_own_pauses_hold_between_the_shortest_and_the_longest_of_the_host() {
        for ((initial, max), (first, longest)) in [
            ((2_000, 30_000), (2_000, 30_000)),
            ((1, 2), (500, 500)),
            ((1, 3_600_000), (500, 60_000)),
            ((3_600_000, 7_200_000), (60_000, 60_000)),
        ] {
            let policy = own(RestartMode::OnFailure, initial, max);
            let found = (policy.first_delay.as_millis(), policy.max_delay.as_millis());
            assert_eq!(found, (first, longest), "{initial} {max}");
            policy.check().unwrap();
            assert_eq!(policy.mode, RestartMode::OnFailure);
        }
    }

    #[test]
    fn probes_that_never_end_or_never_pass_are_refused() {
        let refused = |change: fn(&mut HealthPolicy)| {
            let mut policy = HealthPolicy::default();
            change(&mut policy);
            policy.check().unwrap_err()
        };
        HealthPolicy::default().check().unwrap();
        for (told, word) in [
            (
                refused(|policy| policy.startup_first = Duration::ZERO),
                "startup_first",
            ),
            (refused(|policy| policy.interval = Duration::ZERO), "interval"),
            (refused(|policy| policy.timeout = Duration::ZERO), "timeout"),
            (
                refused(|policy| policy.startup_max = Duration::from_millis(5)),
                "startup_max",
            ),
            (
                refused(|policy| policy.startup_deadline = Duration::ZERO),
                "startup_deadline",
            ),
            (refused(|policy| policy.retries = 0), "retries"),
        ] {
            assert!(told.contains(word), "{told}");
        }
    }

    #[test]
    fn what_a_manifest_leaves_open_is_the_hosts() {
        let own = hap_manifest::RestartPolicy::new(RestartMode::No);
        let wanted = RestartPolicy {
            mode: RestartMode::No,
            ..RestartPolicy::default()
        };
        assert_eq!(RestartPolicy::default().for_plugin(Some(&own)), wanted);
        assert_eq!(
            RestartPolicy::default().for_plugin(None),
            RestartPolicy::default()
        );
    }
}
