//! [`Connections`]: which are open, and which of them is idle for the longest time.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// All open connections.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: Mutex<BTreeMap<u64, Arc<Activity>>>,
    opened: AtomicU64,
}

/// The place of a connection among them, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    pub(super) activity: Arc<Activity>,
    connections: Arc<Connections>,
}

/// What a connection does.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    /// Milliseconds from its opening to the end of its last request.
    idle_since: AtomicU64,
    /// Requests that are being answered.
    working: AtomicUsize,
    /// Whether the head of a request ever came.
    has_asked: AtomicBool,
    close: CancellationToken,
}

/// A request that is being answered, until it is dropped.
#[derive(Debug)]
pub(super) struct Working(Arc<Activity>);

impl Connections {
    pub(super) fn add(self: &Arc<Self>) -> Place {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let activity = Arc::new(Activity {
            opened: Instant::now(),
            idle_since: AtomicU64::new(0),
            working: AtomicUsize::new(0),
            has_asked: AtomicBool::new(false),
            close: CancellationToken::new(),
        });
        self.lock().insert(number, Arc::clone(&activity));
        Place {
            number,
            activity,
            connections: Arc::clone(self),
        }
    }

    /// Closes the one that has asked nothing for the longest time. One that never asked anything
    /// goes before all that did.
    pub(super) fn close_idlest(&self) {
        let open = self.lock();
        let idle = open.values().filter(|activity| activity.is_idle());
        let order = |activity: &&Arc<Activity>| {
            let asked = activity.has_asked.load(Ordering::Relaxed);
            (asked, activity.idle_from())
        };
        if let Some(idlest) = idle.min_by_key(order) {
            idlest.close.cancel();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Arc<Activity>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Activity {
    pub(super) fn begin(self: &Arc<Self>) -> Working {
        self.has_asked.store(true, Ordering::Relaxed);
        self.working.fetch_add(1, Ordering::AcqRel);
        Working(Arc::clone(self))
    }

    /// Waits until it is to be closed: to make room, or because it asked nothing in its first time.
    pub(super) async fn is_to_close(&self, first: Duration) {
        let silent = async {
            sleep(first).await;
            if self.has_asked.load(Ordering::Relaxed) {
                pending::<()>().await;
            }
        };
        tokio::select! {
            () = self.close.cancelled() => {}
            () = silent => {}
        }
    }

    fn is_idle(&self) -> bool {
        self.working.load(Ordering::Acquire) == 0 && !self.close.is_cancelled()
    }

    fn idle_from(&self) -> Instant {
        self.opened + Duration::from_millis(self.idle_since.load(Ordering::Relaxed))
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let since = u64::try_from(self.0.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.idle_since.store(since, Ordering::Relaxed);
        self.0.working.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_idlest_goes_first_and_one_that_works_never() {
        let connections = Arc::new(Connections::default());
        let mut places = Vec::new();
        for _ in 0..3 {
            places.push(connections.add());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let closed = |places: &[Place]| -> Vec<bool> {
            places
                .iter()
                .map(|place| place.activity.close.is_cancelled())
                .collect()
        };
        let working = places[0].activity.begin();
        drop(places[1].activity.begin());
        // The third never asked anything, the second did, the first does.
        connections.close_idlest();
        assert_eq!(closed(&places), [false, false, true]);
        connections.close_idlest();
        assert_eq!(closed(&places), [false, true, true]);
        connections.close_idlest();
        assert_eq!(closed(&places), [false, true, true]);
        drop(working);
        connections.close_idlest();
        assert_eq!(closed(&places), [true; 3]);
        drop(places);
        assert!(connections.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_nothing_in_the_first_time_is_closed_and_who_asked_is_not() {
        let connections = Arc::new(Connections::default());
        let first = Duration::from_secs(10);
        let (silent, asked) = (connections.add(), connections.add());
        drop(asked.activity.begin());
        let closes = async |place: &Place| {
            let waited = tokio::time::timeout(Duration::from_secs(60), place.activity.is_to_close(first));
            waited.await.is_ok()
        };
        assert!(closes(&silent).await);
        assert!(!closes(&asked).await);
    }
}
