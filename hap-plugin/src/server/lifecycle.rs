//! [`Lifecycle`]: whether the plugin takes requests.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::error::Fault;

/// Where the process is in its life. It only moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Starting,
    Ready,
    Stopping,
}

/// The phase, and what is not quite right about the configuration.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    phase: AtomicU8,
    complaint: Mutex<Option<String>>,
}

impl Lifecycle {
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Stopping,
        }
    }

    pub(crate) fn advance(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
    }

    /// Refuses unless the plugin is ready.
    pub(crate) fn check_ready(&self) -> Result<(), Fault> {
        match self.phase() {
            Phase::Ready => Ok(()),
            Phase::Starting => {
                let fault = Fault::new(503, "starting", "the plugin is still starting");
                Err(fault.with_retry_after(Duration::from_secs(1)))
            }
            Phase::Stopping => Err(stopping()),
        }
    }

    /// What makes the plugin degraded although it says nothing itself.
    pub(crate) fn complaint(&self) -> Option<String> {
        self.complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_complaint(&self, complaint: Option<String>) {
        *self.complaint.lock().unwrap_or_else(PoisonError::into_inner) = complaint;
    }
}

/// The refusal of what comes too late.
pub(crate) fn stopping() -> Fault {
    Fault::new(503, "stopping", "the plugin is stopping").with_retry_after(Duration::from_secs(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phase_only_moves_forward() {
        let lifecycle = Lifecycle::default();
        assert_eq!(lifecycle.phase(), Phase::Starting);
        lifecycle.advance(Phase::Stopping);
        lifecycle.advance(Phase::Ready);
        assert_eq!(lifecycle.phase(), Phase::Stopping);
        assert_eq!(lifecycle.check_ready().unwrap_err().code(), "stopping");
    }
}
