//! Stops all plugins, none before those that need it.

use std::{collections::BTreeSet, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use hap_manifest::PluginId;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use crate::{
    plugin::handle::PluginHandle,
    reconcile::dependencies::{Board, may_stop},
};

/// Longest time for plugins to stop when the host shuts down, unless told otherwise.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(60);

/// Time at the end of that in which the engine kills what is left; half of it where it is short.
const KILLS: Duration = Duration::from_secs(10);

/// Stops the plugins within `limit`, whatever their manifests say, and returns those that were not
/// down in time. The order is kept for half of the time before what is left is killed; then all that
/// is left stops at once.
pub(crate) async fn stop_all(plugins: Vec<PluginHandle>, board: &Board, limit: Duration) -> Vec<PluginId> {
    let begun = Instant::now();
    let until = begun + limit;
    let killed_from = until - KILLS.min(limit / 2);
    let ordered_until = begun + (killed_from - begun) / 2;
    let force = watch::Sender::new(false);

    let mut up: BTreeSet<PluginId> = plugins.iter().map(|plugin| plugin.id().clone()).collect();
    let mut waiting = plugins;
    let mut stopping = FuturesUnordered::new();
    while !up.is_empty() {
        let in_order = Instant::now() < ordered_until;
        let (next, later): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|plugin| !in_order || may_stop(plugin.id(), &up, board));
        waiting = later;
        if next.is_empty() && stopping.is_empty() {
            // They wait for each other in a circle.
            stopping.extend(waiting.drain(..).map(|plugin| stop(plugin, force.clone())));
        }
        stopping.extend(next.into_iter().map(|plugin| stop(plugin, force.clone())));
        let is_forced = *force.borrow();
        let limit = match (waiting.is_empty(), is_forced) {
            (false, _) => ordered_until,
            (true, false) => killed_from,
            (true, true) => until,
        };
        match timeout_at(limit, stopping.next()).await {
            Ok(Some((id, true))) => drop(up.remove(&id)),
            // One that could not be stopped keeps nobody waiting for long: the order ends by
            // its own deadline.
            Ok(Some((_, false)) | None) if waiting.is_empty() && stopping.is_empty() => break,
            Err(_) if waiting.is_empty() && is_forced => break,
            Err(_) if waiting.is_empty() => {
                let left: Vec<_> = up.iter().map(PluginId::as_str).collect();
                tracing::warn!("killed, because they did not stop in time: {}", left.join(", "));
                force.send_replace(true);
            }
            Ok(_) | Err(_) => {}
        }
    }
    up.into_iter().collect()
}

async fn stop(plugin: PluginHandle, force: watch::Sender<bool>) -> (PluginId, bool) {
    let down = plugin.halted(&force).await;
    (plugin.id().clone(), down)
}
