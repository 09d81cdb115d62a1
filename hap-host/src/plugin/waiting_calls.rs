//! The calls of this process that wait for a plugin.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use crate::model::activity::PendingCall;

/// The calls that wait for one plugin. Never locked across an await.
#[derive(Debug, Default)]
pub(crate) struct CallBook(Mutex<Calls>);

#[derive(Debug, Default)]
struct Calls {
    /// In the order in which they began.
    waiting: BTreeMap<u64, PendingCall>,
    last: u64,
}

impl CallBook {
    /// Writes a call down; it is over when the entry is dropped, also when the caller gave up.
    pub(crate) fn enter(&self, name: &'static str) -> Entry<'_> {
        let since = SystemTime::now();
        let mut calls = self.lock();
        calls.last += 1;
        let number = calls.last;
        calls.waiting.insert(number, PendingCall { name, since });
        Entry { book: self, number }
    }

    pub(crate) fn waiting(&self) -> Vec<PendingCall> {
        self.lock().waiting.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        // Each change is one insertion or removal.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that is under way.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    book: &'a CallBook,
    number: u64,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.book.lock().waiting.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_listed_from_the_oldest_on_until_they_are_over() {
        let book = CallBook::default();
        let names = || book.waiting().iter().map(|call| call.name).collect::<Vec<_>>();
        let first = book.enter("start");
        let second = book.enter("stop");
        let third = book.enter("stop");
        assert_eq!(names(), ["start", "stop", "stop"]);
        drop(second);
        assert_eq!(names(), ["start", "stop"]);
        drop((first, third));
        assert_eq!(names(), [""; 0]);
    }
}
