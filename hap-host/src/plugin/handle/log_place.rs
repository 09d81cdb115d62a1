//! How far a plugin's output was read.

use std::cmp::Ordering;
use std::time::SystemTime;

/// How far the output of a plugin was taken, so that a stream which is opened again repeats nothing
/// and loses nothing.
///
/// An engine is asked for lines from a moment on, and several lines may bear the same moment.
#[derive(Debug)]
pub(crate) struct Place {
    newest: SystemTime,
    /// Lines of that moment that were taken.
    of_newest: usize,
    /// What was taken of a stream before this one: up to this moment, and so many lines of it.
    taken: Option<(SystemTime, usize)>,
}

impl Place {
    /// At a moment before which no line is wanted.
    pub(crate) const fn at(start: SystemTime) -> Self {
        Self {
            newest: start,
            of_newest: 0,
            taken: Some((start, 0)),
        }
    }

    /// A new stream begins; from when on it is asked for lines.
    pub(crate) const fn reopen(&mut self) -> SystemTime {
        self.taken = Some((self.newest, self.of_newest));
        self.newest
    }

    /// Whether a line of this moment was not taken before; then it is.
    pub(crate) fn take(&mut self, time: SystemTime) -> bool {
        if let Some((until, left)) = &mut self.taken {
            match time.cmp(until) {
                Ordering::Less => return false,
                Ordering::Equal if *left > 0 => {
                    *left -= 1;
                    return false;
                }
                Ordering::Equal => {}
                // From here on everything is new, also what is a little out of order.
                Ordering::Greater => self.taken = None,
            }
        }
        match time.cmp(&self.newest) {
            Ordering::Greater => (self.newest, self.of_newest) = (time, 1),
            Ordering::Equal => self.of_newest += 1,
            Ordering::Less => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    fn taken(place: &mut Place, seconds: &[u64]) -> Vec<u64> {
        let new = seconds.iter().filter(|second| place.take(at(**second)));
        new.copied().collect()
    }

    #[test]
    fn lines_of_one_moment_all_pass_and_those_from_before_do_not() {
        let mut place = Place::at(at(5));
        assert_eq!(taken(&mut place, &[3, 4, 5, 6, 6, 6, 7, 7]), [5, 6, 6, 6, 7, 7]);
        assert_eq!(
            taken(&mut place, &[6, 8]),
            [6, 8],
            "two sources are a little out of order"
        );
    }

    #[test]
    fn a_stream_that_is_opened_again_repeats_nothing_and_loses_nothing() {
        let mut place = Place::at(at(0));
        assert_eq!(taken(&mut place, &[1, 2, 2]), [1, 2, 2]);
        assert_eq!(place.reopen(), at(2));
        assert_eq!(
            taken(&mut place, &[2, 2, 2, 3]),
            [2, 3],
            "the third of that moment is new"
        );
        assert_eq!(place.reopen(), at(3));
        assert_eq!(place.reopen(), at(3), "nothing came, and nothing is forgotten");
        assert_eq!(taken(&mut place, &[3, 3, 4]), [3, 4]);
    }
}
