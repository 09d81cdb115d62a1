//! How old events are, on a machine whose clock is set.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Less than this between two looks is drift, and time that the machine slept.
const TOLERANCE: Duration = Duration::from_secs(60);
/// How long a start waits for a clock that may be wrong: one without a battery is set soon after.
const AT_START: Duration = Duration::from_secs(60 * 60);

/// The time by which events are too old.
///
/// It is the machine's clock, except after that was set forward: what came before the jump would be removed at once, however
/// young it is. So the jump does not count until everything from before it is old enough anyway. A clock that was set back
/// makes everything younger, and removes nothing.
#[derive(Debug)]
pub(super) struct AgeClock {
    kept_for: Duration,
    seen: (SystemTime, Instant),
    lag: Duration,
    until: Instant,
}

impl AgeClock {
    /// Begins at this time. `newest` is when the last event came; nobody knows how much of the time
    /// since then has passed and how much was set.
    pub(super) fn new(
        kept_for: Duration,
        newest: Option<SystemTime>,
        wall: SystemTime,
        now: Instant,
    ) -> Self {
        let since = newest.and_then(|newest| wall.duration_since(newest).ok());
        Self {
            kept_for,
            seen: (wall, now),
            lag: since.filter(|since| *since > TOLERANCE).unwrap_or_default(),
            until: now + AT_START,
        }
    }

    /// The time by which to judge, given what the machine's clock says now.
    pub(super) fn judge(&mut self, wall: SystemTime, now: Instant) -> SystemTime {
        let (seen, at) = self.seen;
        self.seen = (wall, now);
        if now >= self.until {
            self.lag = Duration::ZERO;
        }
        let passed = now.saturating_duration_since(at);
        let expected = seen.checked_add(passed).unwrap_or(wall);
        match wall.duration_since(expected) {
            Ok(ahead) if ahead > TOLERANCE => {
                self.lag = self.lag.saturating_add(ahead);
                self.until = self
                    .until
                    .max(now.checked_add(self.kept_for).unwrap_or(self.until));
            }
            Err(behind) if behind.duration() > TOLERANCE => {
                self.lag = self.lag.saturating_sub(behind.duration());
            }
            Ok(_) | Err(_) => {}
        }
        wall.checked_sub(self.lag).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    /// A clock that keeps events for a week, on a machine whose clock says this.
    struct Machine {
        wall: SystemTime,
        now: Instant,
        clock: AgeClock,
    }

    impl Machine {
        fn started(newest: Option<SystemTime>, wall: SystemTime) -> Self {
            let now = Instant::now();
            let clock = AgeClock::new(7 * DAY, newest, wall, now);
            Self { wall, now, clock }
        }

        fn passes(&mut self, time: Duration) -> SystemTime {
            self.wall += time;
            self.now += time;
            self.clock.judge(self.wall, self.now)
        }
    }

    fn at(years: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + years * YEAR
    }

    #[test]
    fn without_a_jump_it_is_the_machines_clock() {
        let mut machine = Machine::started(None, at(50));
        for _ in 0..1000 {
            assert_eq!(machine.passes(HOUR / 6), machine.wall);
            machine.wall += Duration::from_secs(1);
        }
    }

    #[test]
    fn what_came_before_a_jump_forward_stays_until_it_is_old() {
        let mut machine = Machine::started(None, at(30));
        let came = machine.wall + HOUR;
        machine.passes(HOUR);
        machine.wall += 20 * YEAR;
        for hours in 1..7 * 24 {
            let judged = machine.passes(HOUR);
            assert_eq!(judged, came + hours * HOUR, "{hours}");
        }
        machine.passes(2 * HOUR);
        assert_eq!(machine.passes(HOUR), machine.wall, "then the clock counts again");
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nothing_older() {
        let mut machine = Machine::started(None, at(50));
        machine.passes(HOUR);
        machine.wall -= 20 * YEAR;
        assert_eq!(machine.passes(HOUR), machine.wall);
        // There and back again: nothing is left of it.
        machine.wall += YEAR;
        assert_eq!(machine.passes(HOUR), machine.wall - YEAR);
        machine.wall -= YEAR;
        assert_eq!(machine.passes(HOUR), machine.wall);
    }

    #[test]
    fn a_start_removes_nothing_by_a_clock_that_may_be_wrong_for_an_hour() {
        let newest = at(50);
        let mut machine = Machine::started(Some(newest), newest + 10 * YEAR);
        assert_eq!(machine.passes(HOUR / 2), newest + HOUR / 2);
        // It is set right: the host was down for a day, which does not count yet.
        machine.wall -= 10 * YEAR - DAY;
        assert_eq!(machine.passes(HOUR / 6), machine.wall - DAY);
        assert_eq!(machine.passes(HOUR), machine.wall);
        // It was right all along.
        let mut machine = Machine::started(Some(newest), newest + 30 * DAY);
        machine.passes(HOUR / 2);
        assert_eq!(machine.passes(HOUR), machine.wall);
        // The clock stands before everything that is kept.
        let mut machine = Machine::started(Some(newest), at(0));
        assert_eq!(machine.passes(HOUR / 6), machine.wall);
    }
}
