//! Whoever writes to a container's output.

use super::{folder::Lock, identity, spool};

/// Kills whatever still writes to the container's output, and says whether nothing did. The caller
/// holds the lock, so no new run begins.
pub(super) fn sweep(lock: &Lock) -> bool {
    let [stdout, stderr] = spool::paths(lock.folder());
    let writers = identity::writers(&[&stdout, &stderr]);
    for pid in &writers {
        identity::kill(*pid);
    }
    writers.is_empty()
}
