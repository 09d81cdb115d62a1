//! How old events are, on a machine whose clock is set.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

/// Less than this between two looks is drift, and time that the machine slept.
const TOLERANCE: Duration = Duration::from_secs(60);
/// How long a start waits for a clock that may be wrong: one without a battery is set soon after.
const AT_START: Duration = Duration::from_secs(60 * 60);

/// The time by which events are too old.
///
/// It is the machine's clock, except after that was set forward: what came before the jump would be removed at once, however
/// young it is. So the jump does not count until everything from before it is old enough anyway, also when another host goes
/// on meanwhile. A clock that was set back makes everything younger, and removes nothing.
#[derive(Debug)]
pub(super) struct AgeClock {
    kept_for: Duration,
    seen: (SystemTime, Instant),
    /// What may have been a jump before the start.
    at_start: Lag,
    jumps: Lag,
}

/// How far the machine's clock is ahead of the time that passed, and how long that is believed.
#[derive(Debug, Clone, Copy)]
struct Lag {
    by: Duration,
    until: Instant,
}

impl Lag {
    fn at(self, now: Instant) -> Duration {
        if now < self.until { self.by } else { Duration::ZERO }
    }

    /// Takes as much back of it as was set back, and returns the rest.
    fn take(&mut self, back: Duration) -> Duration {
        let taken = self.by.min(back);
        self.by -= taken;
        back - taken
    }
}

/// A jump that does not count yet, for the host that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Jump {
    by: Duration,
    left: Duration,
    /// What the clock said when this was noted.
    wall: SystemTime,
}

impl AgeClock {
    /// Begins at this time. `newest` is when the last event came; nobody knows how much of the time
    /// since then has passed and how much was set. `jump` is what the host before knew.
    pub(super) fn new(
        kept_for: Duration,
        newest: Option<SystemTime>,
        jump: Option<Jump>,
        wall: SystemTime,
        now: Instant,
    ) -> Self {
        let since = newest.and_then(|newest| wall.duration_since(newest).ok());
        let mut clock = Self {
            kept_for,
            seen: (wall, now),
            at_start: Lag {
                by: since.filter(|since| *since > TOLERANCE).unwrap_or_default(),
                until: now + AT_START,
            },
            jumps: Lag {
                by: Duration::ZERO,
                until: now,
            },
        };
        if let Some(jump) = jump {
            // No longer than for a jump of now, whatever is on the disk.
            let until = now.checked_add(jump.left.min(kept_for)).unwrap_or(now);
            clock.jumps = Lag { by: jump.by, until };
            if let Ok(back) = jump.wall.duration_since(wall) {
                clock.jumps.take(back);
            }
        }
        clock
    }

    /// The time by which to judge, given what the machine's clock says now.
    pub(super) fn judge(&mut self, wall: SystemTime, now: Instant) -> SystemTime {
        let (seen, at) = self.seen;
        self.seen = (wall, now);
        for lag in [&mut self.at_start, &mut self.jumps] {
            lag.by = lag.at(now);
        }
        let passed = now.saturating_duration_since(at);
        let expected = seen.checked_add(passed).unwrap_or(wall);
        match wall.duration_since(expected) {
            Ok(ahead) if ahead > TOLERANCE => {
                let until = now.checked_add(self.kept_for).unwrap_or(self.jumps.until);
                self.jumps = Lag {
                    by: self.jumps.by.saturating_add(ahead),
                    until,
                };
            }
            Err(behind) if behind.duration() > TOLERANCE => {
                let rest = self.at_start.take(behind.duration());
                self.jumps.take(rest);
            }
            Ok(_) | Err(_) => {}
        }
        let lag = self.at_start.by.saturating_add(self.jumps.by);
        wall.checked_sub(lag).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// What the next host has to know; `None` where the clock counts.
    pub(super) fn jump(&self) -> Option<Jump> {
        let (wall, now) = self.seen;
        let left = self.jumps.until.saturating_duration_since(now);
        let by = self.jumps.at(now);
        (!by.is_zero()).then_some(Jump { by, left, wall })
    }
}

impl Jump {
    /// How far it went.
    pub(super) const fn by(self) -> Duration {
        self.by
    }

    /// Reads what [`Display`](fmt::Display) wrote. What cannot be read is no jump.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        let mut numbers = text
            .split(' ')
            .map(|number| number.parse().map(Duration::from_secs));
        let mut next = || numbers.next()?.ok();
        Some(Self {
            by: next()?,
            left: next()?,
            wall: SystemTime::UNIX_EPOCH.checked_add(next()?)?,
        })
    }
}

impl fmt::Display for Jump {
    /// Three numbers of seconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wall = self
            .wall
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        write!(
            f,
            "{} {} {}",
            self.by.as_secs(),
            self.left.as_secs(),
            wall.as_secs()
        )
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
            let clock = AgeClock::new(7 * DAY, newest, None, wall, now);
            Self { wall, now, clock }
        }

        fn passes(&mut self, time: Duration) -> SystemTime {
            self.wall += time;
            self.now += time;
            self.clock.judge(self.wall, self.now)
        }
    }

    impl Machine {
        /// Another host goes on with the same events, a while after the last one.
        fn restarts(&mut self, newest: SystemTime) {
            let known = self.clock.jump().map(|jump| jump.to_string());
            let jump = known.as_deref().and_then(Jump::from_text);
            self.clock = AgeClock::new(7 * DAY, Some(newest), jump, self.wall, self.now);
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
    #[test]
    fn a_jump_is_known_to_the_host_that_goes_on() {
        let mut machine = Machine::started(None, at(30));
        let came = machine.passes(HOUR);
        machine.wall += 20 * YEAR;
        machine.passes(HOUR);
        for hours in 1..6 * 24 {
            // The newest event is from after the jump, so nothing else tells of it.
            let newest = machine.wall;
            machine.restarts(newest);
            assert_eq!(machine.passes(HOUR), came + (1 + hours) * HOUR, "{hours}");
        }
        machine.passes(2 * DAY);
        assert_eq!(machine.clock.jump(), None);
        assert_eq!(machine.passes(HOUR), machine.wall, "then the clock counts again");
    }

    #[test]
    fn a_jump_that_is_taken_back_while_no_host_runs_is_none() {
        let mut machine = Machine::started(None, at(30));
        machine.passes(HOUR);
        machine.wall += 20 * YEAR;
        machine.passes(HOUR);
        machine.wall -= 20 * YEAR;
        let newest = machine.wall;
        machine.restarts(newest);
        assert_eq!(machine.passes(HOUR), machine.wall);
    }

    #[test]
    fn what_the_store_says_of_a_jump_is_bounded_and_may_be_anything() {
        for text in ["", "1", "1 2", "a b c", "-1 2 3", "99999999999999999999999 1 1"] {
            assert_eq!(Jump::from_text(text), None, "{text}");
        }
        let endless = Jump::from_text(&format!("{0} {0} 0", u64::MAX)).unwrap();
        let (wall, now) = (at(50), Instant::now());
        let mut clock = AgeClock::new(7 * DAY, None, Some(endless), wall, now);
        assert_eq!(clock.judge(wall, now), SystemTime::UNIX_EPOCH);
        assert_eq!(clock.judge(wall + 8 * DAY, now + 8 * DAY), wall + 8 * DAY);
    }
}
