use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicU64, Ordering},
};

/// How far each reader of the log is, so that lag can be shown. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Readers(Arc<Mutex<Vec<Weak<AtomicU64>>>>);

/// One reader's place. It is forgotten when this is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicU64>);

impl Readers {
    pub(super) fn enter(&self, seq: u64) -> Place {
        let place = Arc::new(AtomicU64::new(seq));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| other.strong_count() > 0);
        all.push(Arc::downgrade(&place));
        Place(place)
    }

    /// The places of all readers there are.
    pub(super) fn places(&self) -> Vec<u64> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .filter_map(Weak::upgrade)
            .map(|place| place.load(Ordering::Relaxed))
            .collect()
    }
}

impl Place {
    pub(super) fn set(&self, seq: u64) {
        self.0.store(seq, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_seen_where_it_is_until_it_goes() {
        let readers = Readers::default();
        let (one, two) = (readers.enter(3), readers.enter(5));
        one.set(4);
        assert_eq!(readers.places(), [4, 5]);
        drop(one);
        let _three = readers.enter(9);
        assert_eq!(readers.places(), [5, 9]);
        drop(two);
        assert_eq!(readers.places(), [9]);
    }
}
