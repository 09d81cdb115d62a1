//! Ids that nobody has to guess at, made without asking the system each time.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use hap_manifest::TraceParent;
use uuid::{Builder, Uuid};

thread_local! {
    // Seeded by the system, as clocks of machines that start together are alike.
    static RANDOM: RefCell<Rng> = RefCell::new(Rng::with_seed(Uuid::new_v4().as_u64_pair().0));
}

/// An id for a request: later ones are greater, to the millisecond.
pub(crate) fn request_id() -> String {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let random = RANDOM.with_borrow_mut(|random| {
        let mut bytes = [0; 10];
        random.fill(&mut bytes);
        bytes
    });
    let millis = u64::try_from(time.as_millis()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(millis, &random)
        .into_uuid()
        .simple()
        .to_string()
}

/// The beginning of a trace that nobody records.
pub(crate) fn trace() -> TraceParent {
    let (trace, span) = RANDOM.with_borrow_mut(|random| (random.u128(..), random.u64(..)));
    TraceParent::new(trace.to_ne_bytes(), span.to_ne_bytes(), false)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_differ_on_all_threads() {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| {
                    (0..1000)
                        .map(|_| (request_id(), trace().trace_id()))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let ids: Vec<_> = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect();
        for (request, trace) in &ids {
            assert_eq!((request.len(), trace.len()), (32, 32));
        }
        let requests: HashSet<_> = ids.iter().map(|(request, _)| request).collect();
        let traces: HashSet<_> = ids.iter().map(|(_, trace)| trace).collect();
        assert_eq!((requests.len(), traces.len()), (4000, 4000));
    }
}
