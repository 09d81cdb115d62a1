//! What the machine remembers, by what it is for.

use std::time::{Duration, Instant};

use super::step::Hold;
use crate::{
    model::{activity::OperationKind, desired::Desired, failure::Failure},
    reconcile::backoff::Jitter,
};

/// Pauses after an engine operation failed: they double from the first to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// What is asked of the plugin, and what stands against it.
#[derive(Debug)]
pub(super) struct Goal {
    pub(super) desired: Desired,
    /// The host shuts down: the plugin stops, and its desired state stays what it is.
    pub(super) halting: bool,
    pub(super) hold: Hold,
    /// Why the plugin must not run, whatever its desired state is.
    pub(super) bar: Option<Failure>,
}

impl Goal {
    pub(super) const fn new(desired: Desired) -> Self {
        Self {
            desired,
            halting: false,
            hold: Hold::None,
            bar: None,
        }
    }

    /// Returns the desired state, or that of the shutdown of the host.
    pub(super) fn now(&self) -> Desired {
        if self.halting && self.desired == Desired::Running {
            Desired::Stopped
        } else {
            self.desired
        }
    }

    /// Tells whether the plugin is to run and nothing stands against it.
    pub(super) fn is_running(&self) -> bool {
        self.now() == Desired::Running && self.bar.is_none() && self.hold == Hold::None
    }

    /// Returns why a plugin that is to run must not.
    pub(super) fn barred(&self) -> Option<&Failure> {
        self.bar.as_ref().filter(|_| self.now() == Desired::Running)
    }
}

/// The operation that the engine carries out.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) kind: OperationKind,
    /// It was given up, and how it ended is still to come.
    pub(super) cancelled: bool,
    /// It was begun for another version.
    pub(super) stale: bool,
}

impl InFlight {
    pub(super) const fn new(kind: OperationKind) -> Self {
        Self {
            kind,
            cancelled: false,
            stale: false,
        }
    }
}

/// Whether the plugin is started again by itself after its last run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conclusion {
    /// It is, as its back-off says.
    None,
    /// It ended well, and is not started again for that.
    Finished,
    /// It failed, and is not one that is started again.
    GivenUp,
}

/// When the engine may be asked for the next operation.
#[derive(Debug, Default)]
pub(super) struct EngineGate {
    pub(super) not_before: Option<Instant>,
    failures: u32,
}

impl EngineGate {
    pub(super) fn is_closed(&self, now: Instant) -> bool {
        self.not_before.is_some_and(|gate| gate > now)
    }

    /// Lets the next operation begin at once; what failed before still counts for the next pause.
    pub(super) const fn open(&mut self) {
        self.not_before = None;
    }

    /// Forgets what failed before.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Closes for a pause, and tells whether this failure is the first since the last reset.
    pub(super) fn failed(&mut self, jitter: &mut Jitter, now: Instant) -> bool {
        let pause = PAUSE_FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(now + jitter.around(pause, 20));
        self.failures == 1
    }
}
