//! Where the clock is read that people and servers set. Deadlines, back-off, probation and health go by the one that nobody
//! sets, so that no plugin is restarted, given up or committed because a machine learnt what time it is.

use std::{collections::BTreeSet, path::Path};

use hap_tests::source::src_of;

use crate::imports::Imports;

/// Each file that reads the clock, and why it does no harm there.
const READERS: &[(&str, &str)] = &[
    (
        "engine/docker/stream.rs",
        "asks the engine for events from now on",
    ),
    ("engine/fake/output.rs", "dates a line of output"),
    ("engine/process/journal.rs", "dates a line of output"),
    ("engine/process/launch.rs", "dates a start"),
    (
        "management/streams.rs",
        "takes a line of the future for one from before the clock was set",
    ),
    ("model/activity.rs", "is shown"),
    ("model/event.rs", "is shown"),
    ("model/isolation.rs", "is shown"),
    (
        "plugin/actor/diagnose.rs",
        "takes a start of the future for one from before the clock was set",
    ),
    ("plugin/actor/update/mod.rs", "is shown"),
    ("plugin/actor/update/probation.rs", "is shown"),
    ("plugin/actor/update/switch.rs", "is shown"),
    ("plugin/actor/update/tasks.rs", "is shown"),
    ("plugin/handle/update.rs", "is shown"),
    ("plugin/host_problems.rs", "is shown"),
    ("plugin/volume_marks.rs", "is shown"),
    ("plugin/waiting_calls.rs", "is shown"),
    (
        "protocol/client/ids.rs",
        "orders ids; random bits tell them apart",
    ),
    (
        "protocol/events/mod.rs",
        "is judged against the clock that nobody sets",
    ),
    (
        "protocol/events/receive.rs",
        "dates an event, and judges a signature as the protocol says",
    ),
    (
        "supervisor/log_forwarding/mod.rs",
        "begins forwarding where the engine tells nothing",
    ),
    ("supervisor/registry.rs", "is shown"),
];

#[test]
fn no_decision_of_the_host_goes_by_a_clock_that_is_set() {
    let imports = Imports::of_crate(&src_of("hap-host"));
    let reads = |named: &BTreeSet<String>| named.iter().any(|path| path.ends_with("SystemTime::now"));
    let found: BTreeSet<&Path> = imports
        .outside
        .iter()
        .filter(|(_, named)| reads(named))
        .map(|(file, _)| file.as_path())
        .collect();
    let known: BTreeSet<&Path> = READERS.iter().map(|(file, _)| Path::new(*file)).collect();
    let fresh: Vec<_> = found.difference(&known).collect();
    assert!(
        fresh.is_empty(),
        "{fresh:?} read a clock that may be set: say in READERS why that does no harm, or use the Instant"
    );
    let stale: Vec<_> = known.difference(&found).collect();
    assert!(stale.is_empty(), "{stale:?} read no clock");
}
