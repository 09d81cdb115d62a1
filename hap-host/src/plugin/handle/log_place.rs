//! How far a plugin's output was read.

use std::{
    cmp::Ordering,
    time::{Duration, SystemTime},
};

/// Lines of two sources are out of order by less. A line that is earlier by more shows that the engine's
/// clock was set back.
const OUT_OF_ORDER: Duration = Duration::from_secs(1);

/// How far the output of a container was taken, so that a stream which is opened again repeats nothing
/// and loses nothing.
///
/// The place is that of a line in the log, and all moments are those of lines: the host's own clock may
/// be another one than the engine's, and either may be set while it runs. An engine is asked for lines
/// from a moment on, and several lines may bear the same moment.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// The moment of the last line that was taken. `None` at the log's beginning.
    last: Option<SystemTime>,
    /// Lines of that moment that were taken.
    of_last: usize,
    /// Up to when lines before the last one are dated, where the clock was set back in between.
    ahead: Option<SystemTime>,
    /// What was taken of a stream before this one ends with so many lines of this moment.
    taken: Option<(SystemTime, usize)>,
}

impl Place {
    /// Behind these lines, which are the last of a log.
    pub(crate) fn behind(lines: &[SystemTime]) -> Self {
        let mut place = Self::default();
        for time in lines {
            place.note(*time);
        }
        place
    }

    /// At a moment before which no line is wanted.
    pub(crate) fn at(start: SystemTime) -> Self {
        Self {
            last: Some(start),
            ..Self::default()
        }
    }

    /// The moment of the last line that was taken.
    pub(crate) const fn last(&self) -> Option<SystemTime> {
        self.last
    }

    /// A new stream begins. Returns from when on it is asked for lines, if nobody set the clock back
    /// since the last one: then only the whole log has them all.
    pub(super) fn reopen(&mut self) -> Option<SystemTime> {
        let last = self.last?;
        self.taken = Some((last, self.of_last));
        Some(last)
    }

    /// Whether a line of this moment, printed after one of `last`, shows that the clock was set back.
    pub(super) fn is_before(time: SystemTime, last: SystemTime) -> bool {
        last.duration_since(time).is_ok_and(|back| back >= OUT_OF_ORDER)
    }

    /// Whether a line of this moment was not taken before; then it is.
    pub(crate) fn take(&mut self, time: SystemTime) -> bool {
        if let Some((until, left)) = &mut self.taken {
            match time.cmp(until) {
                Ordering::Less => return false,
                Ordering::Equal if *left > 0 => {
                    *left -= 1;
                    // Behind the last that was taken everything is new, whenever it says that it is.
                    if *left == 0 {
                        self.taken = None;
                    }
                    return false;
                }
                Ordering::Equal => {}
                Ordering::Greater if self.ahead.is_some_and(|ahead| time <= ahead) => return false,
                Ordering::Greater => self.taken = None,
            }
        }
        self.note(time);
        true
    }

    fn note(&mut self, time: SystemTime) {
        let Some(last) = self.last else {
            (self.last, self.of_last) = (Some(time), 1);
            return;
        };
        match time.cmp(&last) {
            Ordering::Greater => {
                (self.last, self.of_last) = (Some(time), 1);
                self.ahead = self.ahead.filter(|ahead| time <= *ahead);
            }
            Ordering::Equal => self.of_last += 1,
            Ordering::Less if Self::is_before(time, last) => {
                self.ahead = self.ahead.max(Some(last));
                (self.last, self.of_last) = (Some(time), 1);
            }
            Ordering::Less => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    fn half(second: u64) -> SystemTime {
        at(second) + Duration::from_millis(500)
    }

    fn taken(place: &mut Place, seconds: &[u64]) -> Vec<u64> {
        let new = seconds.iter().filter(|second| place.take(at(**second)));
        new.copied().collect()
    }

    #[test]
    fn a_new_log_is_taken_from_its_first_line_also_where_two_sources_are_out_of_order() {
        let mut place = Place::default();
        assert_eq!(place.reopen(), None);
        for time in [half(3), at(3), at(4), at(4), half(3)] {
            assert!(place.take(time));
        }
        assert_eq!(place.reopen(), Some(at(4)));
        assert_eq!(taken(&mut place, &[4, 4, 5]), [5]);
    }

    #[test]
    fn a_log_that_is_there_is_taken_from_behind_its_last_line() {
        let mut place = Place::behind(&[at(5), at(6), at(6)]);
        assert_eq!(place.reopen(), Some(at(6)));
        assert_eq!(taken(&mut place, &[6, 6, 6, 7, 7]), [6, 7, 7]);
        let mut place = Place::at(at(5));
        assert_eq!(place.reopen(), Some(at(5)));
        assert_eq!(taken(&mut place, &[3, 4, 5, 6]), [5, 6]);
    }

    #[test]
    fn a_stream_that_is_opened_again_repeats_nothing_and_loses_nothing() {
        let mut place = Place::default();
        assert_eq!(taken(&mut place, &[1, 2, 2]), [1, 2, 2]);
        assert_eq!(place.reopen(), Some(at(2)));
        assert_eq!(
            taken(&mut place, &[2, 2, 2, 3]),
            [2, 3],
            "the third of that moment is new"
        );
        assert_eq!(place.reopen(), Some(at(3)));
        assert_eq!(
            place.reopen(),
            Some(at(3)),
            "nothing came, and nothing is forgotten"
        );
        assert_eq!(taken(&mut place, &[3, 3, 4]), [3, 4]);
    }

    #[test]
    fn a_clock_that_is_set_back_silences_nothing_and_repeats_nothing() {
        // While a stream is open.
        let mut place = Place::default();
        assert_eq!(
            taken(&mut place, &[5_000, 5_001, 1_400, 1_401]),
            [5_000, 5_001, 1_400, 1_401]
        );
        assert_eq!(place.reopen(), Some(at(1_401)));
        assert_eq!(taken(&mut place, &[5_000, 5_001, 1_401, 1_402]), [1_402]);
        // Between two, after which the whole log is read.
        let mut place = Place::default();
        assert_eq!(taken(&mut place, &[4_999, 5_000]), [4_999, 5_000]);
        assert_eq!(place.reopen(), Some(at(5_000)));
        assert_eq!(taken(&mut place, &[4_999, 5_000, 1_500, 1_501]), [1_500, 1_501]);
        // It is taken up from the new moments, and from the old ones once the clock has passed them.
        assert!(place.reopen().is_some());
        assert_eq!(taken(&mut place, &[4_999, 5_000, 1_500, 1_501, 1_502]), [1_502]);
        assert_eq!(taken(&mut place, &[6_000]), [6_000]);
        assert!(place.reopen().is_some());
        assert_eq!(
            taken(&mut place, &[4_999, 5_000, 1_500, 1_502, 6_000, 6_001]),
            [6_001]
        );
    }
}
