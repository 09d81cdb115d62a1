//! Stops all plugins, none before those that need it.

use std::{collections::BTreeSet, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use hap_manifest::PluginId;
use tokio::time::{Instant, timeout_at};

use crate::{
    plugin::{actor::spec::DEFAULT_STOP_TIMEOUT, handle::PluginHandle},
    reconcile::dependencies::{Board, may_stop},
};

/// How long the order is kept, on top of the longest grace among the plugins; then all that is
/// left stops at once.
const ORDER_KEPT: Duration = Duration::from_secs(15);
/// Time for what stops at the end of that, on top of the longest grace.
const LAST_STOPS: Duration = Duration::from_secs(15);

/// Stops the plugins and returns those that were not down in time: twice the longest grace
/// among them and 30 s.
pub(crate) async fn stop_all(plugins: Vec<PluginHandle>, board: &Board) -> Vec<PluginId> {
    let graces = plugins
        .iter()
        .filter_map(|plugin| plugin.manifest().stop_timeout());
    let grace = graces.max().unwrap_or_default().max(DEFAULT_STOP_TIMEOUT);
    let begun = Instant::now();
    let ordered_until = begun + ORDER_KEPT + grace;
    let until = ordered_until + LAST_STOPS + grace;

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
            stopping.extend(waiting.drain(..).map(stop));
        }
        stopping.extend(next.into_iter().map(stop));
        let limit = if waiting.is_empty() { until } else { ordered_until };
        match timeout_at(limit, stopping.next()).await {
            Ok(Some((id, true))) => drop(up.remove(&id)),
            // One that could not be stopped keeps nobody waiting for long: the order ends by
            // its own deadline.
            Ok(Some((_, false)) | None) if waiting.is_empty() && stopping.is_empty() => break,
            Err(_) if waiting.is_empty() => break,
            Ok(_) | Err(_) => {}
        }
    }
    up.into_iter().collect()
}

async fn stop(plugin: PluginHandle) -> (PluginId, bool) {
    let down = plugin.halted().await;
    (plugin.id().clone(), down)
}
