//! One task that reads the engine's events and lists its containers, and wakes the
//! plugins concerned.
//!
//! It only hints: each plugin's actor looks for itself. Nothing here waits for an actor, so a busy
//! plugin delays no other.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{
    StreamExt,
    future::{BoxFuture, FutureExt, OptionFuture},
};
use hap_manifest::PluginId;
use tokio::sync::{Notify, watch};

use crate::{
    engine::{
        Engine,
        deadline::{self, within},
        error::EngineError,
        info::EngineInfo,
        listing::Listing,
        observed::Observed,
        stream::EngineEventKind,
    },
    plugin::context::Shared,
};

/// Time for the engine to say what it is. Shorter than for others: whoever asks whether it answers
/// wants to know it now.
const INFO_DEADLINE: Duration = Duration::from_secs(5);

/// Asks an engine what it is.
pub(crate) async fn ask(engine: &Arc<dyn Engine>) -> Result<EngineInfo, EngineError> {
    within(INFO_DEADLINE, "info", engine.capabilities().name, engine.info()).await
}

/// A list of everything repairs what a lost event hid.
const RELIST_EVERY: Duration = Duration::from_secs(30);
/// Pause before the event stream is opened again; doubles up to the longest.
const RECONNECT_FIRST: Duration = Duration::from_millis(100);
const RECONNECT_MAX: Duration = Duration::from_secs(5);

/// Who wants to be woken for which plugin.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hints(Arc<Mutex<BTreeMap<PluginId, Arc<Notify>>>>);

impl Hints {
    /// The bell of one plugin. A ring that nobody waits for yet is kept; several are one.
    pub(crate) fn subscribe(&self, plugin: &PluginId) -> Arc<Notify> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(map.entry(plugin.clone()).or_default())
    }

    pub(crate) fn forget(&self, plugin: &PluginId) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(plugin);
    }

    fn ring(&self, plugin: &PluginId) {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = map.get(plugin) {
            bell.notify_one();
        }
    }

    fn ring_all(&self) {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.values().for_each(|bell| bell.notify_one());
    }
}

/// Runs until cancelled.
pub(crate) async fn dispatch(shared: Arc<Shared>, hints: Hints, listed: watch::Sender<Option<Arc<Listing>>>) {
    let (engine, instance, cancel) = (&shared.engine, &shared.instance, &shared.cancel);
    let mut pause = RECONNECT_FIRST;
    // The engine that comes back may be another version. The builder has just asked.
    let mut may_be_another = false;
    let mut asking: OptionFuture<BoxFuture<'_, Result<EngineInfo, EngineError>>> = None.into();
    loop {
        // Subscribed first, listed second: what happens in between is in the list or in the stream.
        let mut events = engine.events(instance);
        let mut relist = tokio::time::interval(RELIST_EVERY);
        relist.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // Beside the loop, so that an engine that is slow to list delays no event.
        let mut listing: OptionFuture<BoxFuture<'_, Result<Vec<Observed>, EngineError>>> = None.into();
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                event = events.next() => match event {
                    Some(Ok(event)) => {
                        pause = RECONNECT_FIRST;
                        tracing::trace!(plugin = %event.plugin, container = %event.container, kind = ?event.kind, "engine event");
                        // A start of ours is known already; one by hand is found by the next list.
                        if event.kind != EngineEventKind::Started {
                            hints.ring(&event.plugin);
                        }
                    }
                    Some(Err(error)) => {
                        tracing::warn!(error = %crate::engine::report::report(&error), "the engine's event stream broke; it is opened again");
                        break;
                    }
                    None => break,
                },
                Some(result) = &mut listing => {
                    listing = None.into();
                    match result {
                        Ok(all) => {
                            let listing = shared.ownership.sort(all);
                            listed.send_replace(Some(Arc::new(listing)));
                            // Not before it answers again: what waits in a socket for it
                            // would be given up.
                            if may_be_another {
                                asking = Some(ask(engine).boxed()).into();
                            }
                        }
                        Err(error) => tracing::warn!(error = %crate::engine::report::report(&error), "the engine could not list its containers"),
                    }
                }
                Some(answer) = &mut asking => {
                    asking = None.into();
                    if let Ok(info) = answer {
                        shared.learn(info);
                        // It made its rules anew.
                        shared.isolation_due.notify_one();
                        may_be_another = false;
                    }
                }
                _ = relist.tick() => {
                    let list = within(deadline::CONTROL, "list", instance.as_str(), engine.list(instance));
                    listing = Some(list.boxed()).into();
                }
            }
        }
        tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(RECONNECT_MAX);
        hints.ring_all();
        may_be_another = true;
    }
}
