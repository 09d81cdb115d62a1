use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::time::Instant;

use crate::engine::stream::StatsSample;

/// Counters under keys that come up as they are counted. The keys are few: words of this crate.
#[derive(Debug)]
pub(crate) struct Counts<K>(Mutex<BTreeMap<K, u64>>);

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord + Copy> Counts<K> {
    pub(crate) fn add(&self, key: K) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key).or_default();
        *count = count.saturating_add(1);
    }

    pub(super) fn all(&self) -> Vec<(K, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(key, count)| (*key, *count)).collect()
    }
}

/// What is counted for one plugin while it is installed.
#[derive(Debug, Default)]
pub(crate) struct PluginCounters {
    /// By cause.
    pub(crate) failures: Counts<&'static str>,
    pub(crate) crash_loops: AtomicU64,
    /// By call and outcome.
    pub(crate) calls: Counts<(&'static str, &'static str)>,
    pub(crate) events: AtomicU64,
    pub(crate) duplicate_events: AtomicU64,
    pub(crate) forwarded_lines: AtomicU64,
    pub(crate) suppressed_lines: AtomicU64,
    sample: Mutex<Option<(Instant, StatsSample)>>,
}

impl PluginCounters {
    pub(crate) fn sampled(&self, sample: StatsSample) {
        *self.sample.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), sample));
    }

    /// The last sample, unless it says nothing about now any more.
    pub(super) fn recent_sample(&self) -> Option<StatsSample> {
        const RECENT: std::time::Duration = std::time::Duration::from_secs(300);
        let sample = self.sample.lock().unwrap_or_else(PoisonError::into_inner);
        sample
            .filter(|(at, _)| at.elapsed() < RECENT)
            .map(|(_, sample)| sample)
    }
}

/// Adds to a counter that nothing else depends on.
pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

pub(super) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
