//! [`Current`], the configuration in force, and [`ConfigChanges`].

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::error::{Fault, Result};

/// A configuration of the plugin's own type. The context holds it without knowing the type.
pub(crate) type Held = Arc<dyn Any + Send + Sync>;

/// The configuration in force: read without a lock, replaced as a whole.
#[derive(Debug)]
pub(crate) struct Current {
    // A pointer to a thin pointer: what is swapped atomically is one word.
    held: ArcSwapOption<Held>,
    changed: watch::Sender<()>,
}

impl Current {
    pub(crate) fn new() -> Self {
        Self {
            held: ArcSwapOption::empty(),
            changed: watch::Sender::new(()),
        }
    }

    pub(crate) fn get(&self) -> Option<Held> {
        self.held.load().as_deref().cloned()
    }

    pub(crate) fn set(&self, config: Option<Held>) {
        self.held.store(config.map(Arc::new));
        self.changed.send_replace(());
    }

    pub(crate) fn changes<C>(self: &Arc<Self>, shutdown: CancellationToken) -> ConfigChanges<C> {
        ConfigChanges {
            changed: self.changed.subscribe(),
            current: Arc::clone(self),
            shutdown,
            _config: PhantomData,
        }
    }
}

/// The held configuration as the plugin's type.
pub(crate) fn typed<C: Send + Sync + 'static>(held: Option<Held>) -> Result<Arc<C>> {
    let held = held.ok_or_else(|| {
        Fault::new(
            409,
            "not_configured",
            "the plugin has no configuration yet; send one to POST /config",
        )
    })?;
    held.downcast().map_err(|_| {
        let wanted = std::any::type_name::<C>();
        Fault::internal(format!(
            "`{wanted}` is not the configuration of the plugin that runs"
        ))
    })
}

/// Tells a background task when the configuration has changed; see [`Context::config_changes`].
///
/// [`Context::config_changes`]: crate::Context::config_changes
pub struct ConfigChanges<C> {
    changed: watch::Receiver<()>,
    current: Arc<Current>,
    shutdown: CancellationToken,
    _config: PhantomData<fn() -> C>,
}

impl<C: Send + Sync + 'static> ConfigChanges<C> {
    /// The configuration in force; `None` while there is none.
    #[must_use]
    pub fn current(&self) -> Option<Arc<C>> {
        typed(self.current.get()).ok()
    }

    /// Waits for the next change and returns what is in force then; `None` when the plugin begins
    /// to stop.
    ///
    /// Changes that come faster than they are asked for are seen as one: the last.
    ///
    /// # Cancel safety
    /// No change is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Arc<C>> {
        loop {
            tokio::select! {
                // A stop goes before a change. Both are cancel-safe.
                biased;
                () = self.shutdown.cancelled() => return None,
                changed = self.changed.changed() => changed.ok()?,
            }
            if let Some(config) = self.current() {
                return Some(config);
            }
        }
    }
}

impl<C> fmt::Debug for ConfigChanges<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigChanges").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn changes_are_seen_until_the_plugin_stops() {
        let current = Arc::new(Current::new());
        let stop = CancellationToken::new();
        let mut changes = current.changes::<u8>(stop.clone());
        assert!(changes.current().is_none());
        for level in [1_u8, 2, 3] {
            current.set(Some(Arc::new(level)));
        }
        assert_eq!(changes.next().await.as_deref(), Some(&3));
        let waiting = tokio::spawn(async move { changes.next().await });
        tokio::task::yield_now().await;
        stop.cancel();
        assert!(waiting.await.unwrap().is_none());
    }

    #[test]
    fn another_type_is_a_fault_and_no_configuration_a_refusal() {
        assert_eq!(typed::<u8>(None).unwrap_err().code(), "not_configured");
        let other = typed::<u8>(Some(Arc::new("text"))).unwrap_err();
        assert!(other.report().contains("`u8`"), "{}", other.report());
    }
}
