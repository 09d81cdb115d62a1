//! How the output of a container is read on, after a stream of it ended.

use std::time::SystemTime;

use futures_util::TryStreamExt as _;

use super::{PluginHandle, log_place::Place};
use crate::engine::{deadline, observed::ContainerId, stream::LogOptions};

/// Lines that are looked at to find the last one, of which several may bear one moment.
const TAIL: u32 = 16;

/// How the engine is asked for what a container printed behind a place in its output. `began` is when its run began, by
/// the engine's clock.
pub(crate) async fn read_on(
    plugin: &PluginHandle,
    container: &ContainerId,
    began: Option<SystemTime>,
    is_another_run: bool,
    place: &mut Place,
) -> LogOptions {
    let wanted = LogOptions::default().follow(true);
    let Some(last) = place.last() else {
        return wanted;
    };
    // Usually a run that began later. Otherwise it is the same, or the engine's clock was set back.
    let is_set_back = began.is_none_or(|began| began <= last) && {
        let printed = last_lines(plugin, container).await.unwrap_or_default();
        let newest = printed.last();
        is_another_run || newest.is_some_and(|newest| Place::is_before(*newest, last))
    };
    match place.reopen() {
        // No moment tells what is new then: only what stands behind the last line that was taken.
        Some(since) if !is_set_back => wanted.since(since),
        _ => wanted,
    }
}

/// When the last lines of a container were printed, oldest first. `None` where the engine does not tell.
pub(crate) async fn last_lines(plugin: &PluginHandle, container: &ContainerId) -> Option<Vec<SystemTime>> {
    let engine = &plugin.cell().shared.engine;
    let lines = engine.logs(container, &LogOptions::default().tail(TAIL));
    let lines = tokio::time::timeout(deadline::CONTROL, lines.try_collect::<Vec<_>>()).await;
    let lines = lines.ok()?.ok()?;
    Some(lines.into_iter().filter_map(|line| line.time).collect())
}
