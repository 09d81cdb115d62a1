use std::{num::NonZeroUsize, sync::Arc};

use hap_manifest::PluginId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, ErrorKind};

/// Bounds the calls to one plugin that are under way. What is over the bound is refused at once: a
/// queue in front of a slow plugin would only make everybody wait.
#[derive(Debug, Clone)]
pub(crate) struct CallGate {
    most: usize,
    free: Arc<Semaphore>,
}

impl CallGate {
    /// Calls to one plugin at a time, unless the embedder says otherwise.
    pub(crate) const DEFAULT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(63);

    pub(crate) fn new(most: NonZeroUsize) -> Self {
        // Tokio's semaphores have a bound of their own, far beyond any sensible one.
        let most = most.get().min(Semaphore::MAX_PERMITS);
        Self {
            most,
            free: Arc::new(Semaphore::new(most)),
        }
    }

    /// Lets a call in; it is over when the permit is dropped.
    pub(crate) fn enter(&self, plugin: &PluginId) -> Result<OwnedSemaphorePermit, Error> {
        Arc::clone(&self.free).try_acquire_owned().map_err(|_| {
            let message = format!(
                "{} calls to it are under way, and no more are sent at a time: try again in a moment",
                self.most
            );
            Error::new(ErrorKind::Busy, message).with_plugin(plugin)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_bound_is_refused_and_let_in_again_later() {
        let plugin = PluginId::new("light").unwrap();
        let gate = CallGate::new(NonZeroUsize::new(2).unwrap());
        let one = gate.enter(&plugin).unwrap();
        let _two = gate.enter(&plugin).unwrap();
        let error = gate.enter(&plugin).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        assert!(
            error.is_retryable() && error.to_string().contains("2 calls"),
            "{error}"
        );
        drop(one);
        let _three = gate.enter(&plugin).unwrap();
    }
}
