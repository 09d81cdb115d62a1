//! [`Current`], the configuration in force, and [`ConfigChanges`].

use std::any::Any;
use std::fmt;
use std::future::pending;
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
/// A poll whose interval is a setting. A change takes effect at once, and not after a long pause:
///
/// ```
/// use std::time::Duration;
///
/// use hap_plugin::{Context, NoCommand, NoStatus, Plugin, Reply, Result};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Config {
///     #[serde(default)]
///     poll_seconds: u32,
/// }
///
/// struct Meter;
///
/// impl Plugin for Meter {
///     type Config = Config;
///     type Command = NoCommand;
///     type Status = NoStatus;
///
///     async fn start(&self, cx: &Context) -> Result<()> {
///         let mut changes = cx.config_changes::<Self>();
///         let stop = cx.shutdown_token();
///         cx.spawn("poll", async move {
///             loop {
///                 let seconds = changes.current().map_or(60, |config| config.poll_seconds.max(1));
///                 tokio::select! {
///                     () = stop.cancelled() => return,
///                     _ = changes.changed() => continue,
///                     () = tokio::time::sleep(Duration::from_secs(seconds.into())) => {}
///                 }
///                 // Ask the device.
///             }
///         });
///         Ok(())
///     }
///
///     async fn command(&self, _: &Context, command: NoCommand) -> Result<Reply> {
///         match command {}
///     }
/// }
/// ```
///
/// [`Context::config_changes`]: crate::Context::config_changes
pub struct ConfigChanges<C> {
    changed: watch::Receiver<()>,
    current: Arc<Current>,
    shutdown: CancellationToken,
    _config: PhantomData<fn() -> C>,
}

impl<C: Send + Sync + 'static> ConfigChanges<C> {
    /// Returns the configuration in force; `None` while there is none.
    #[must_use]
    pub fn current(&self) -> Option<Arc<C>> {
        typed(self.current.get()).ok()
    }

    /// Waits for the next change and returns what is in force then.
    ///
    /// Changes that come faster than they are asked for are seen as one: the last. Once the plugin
    /// begins to stop there are no more, and this waits indefinitely: what waits for nothing else
    /// ends by `stop.run_until_cancelled(changes.changed()).await`, with the
    /// [`shutdown_token`](crate::Context::shutdown_token) as `stop`.
    ///
    /// # Cancel safety
    /// No change is lost when the future is dropped.
    pub async fn changed(&mut self) -> Arc<C> {
        loop {
            tokio::select! {
                // A stop goes before a change. Both are cancel-safe.
                biased;
                () = self.shutdown.cancelled() => pending().await,
                // An error is not possible: the sender lives in `current`.
                _ = self.changed.changed() => {}
            }
            if let Some(config) = self.current() {
                return config;
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
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn changes_are_seen_until_the_plugin_stops() {
        let current = Arc::new(Current::new());
        let stop = CancellationToken::new();
        let mut changes = current.changes::<u8>(stop.clone());
        assert!(changes.current().is_none());
        for level in [1_u8, 2, 3] {
            current.set(Some(Arc::new(level)));
        }
        assert_eq!(*changes.changed().await, 3);
        current.set(Some(Arc::new(4_u8)));
        stop.cancel();
        assert!(timeout(Duration::from_secs(60), changes.changed()).await.is_err());
        assert_eq!(changes.current().as_deref(), Some(&4));
    }

    /// An end that is ready at every turn would let such a loop poll a device without a pause.
    #[tokio::test(start_paused = true)]
    async fn a_loop_that_takes_any_change_as_a_new_interval_does_not_run_hot_while_the_plugin_stops() {
        let current = Arc::new(Current::new());
        current.set(Some(Arc::new(10_u64)));
        let stop = CancellationToken::new();
        let mut changes = current.changes::<u64>(stop.clone());
        let mut turns = 0;
        let polls = async {
            loop {
                turns += 1;
                let pause = changes.current().map_or(60, |seconds| *seconds);
                tokio::select! {
                    _ = changes.changed() => {}
                    () = sleep(Duration::from_secs(pause)) => {}
                }
            }
        };
        stop.cancel();
        let _ = timeout(Duration::from_secs(35), polls).await;
        assert_eq!(turns, 4);
    }

    #[test]
    fn another_type_is_a_fault_and_no_configuration_a_refusal() {
        assert_eq!(typed::<u8>(None).unwrap_err().code(), "not_configured");
        let other = typed::<u8>(Some(Arc::new("text"))).unwrap_err();
        assert!(other.report().contains("`u8`"), "{}", other.report());
    }
}
