use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    find::find,
    orphan::{Orphan, OrphanDisposition, SweepReport},
};
use crate::{
    engine::{
        deadline::{self, within},
        resource::{Resource, ResourceKind},
    },
    error::Error,
    plugin::context::Shared,
    supervisor::registry::Registry,
};

/// What is swept without anybody asking for it.
pub(super) const SWEPT: [ResourceKind; 2] = [ResourceKind::Container, ResourceKind::Network];
/// Pauses between looks: a fifth of the minimum age, within these.
const LOOK_EVERY_LEAST: Duration = Duration::from_secs(1);
const LOOK_EVERY_MOST: Duration = Duration::from_secs(60);

/// Sweeps what was seen to belong to nobody for the minimum age, without a break, and was made at
/// least as long ago: an operator who started the host over the wrong state folder has as long to
/// notice. Runs until it is dropped.
pub(crate) async fn sweep_in_time(shared: Arc<Shared>, registry: Registry, minimum_age: Duration) {
    let every = (minimum_age / 5).clamp(LOOK_EVERY_LEAST, LOOK_EVERY_MOST);
    let mut seen: BTreeMap<(ResourceKind, String), Instant> = BTreeMap::new();
    loop {
        tokio::time::sleep(every).await;
        let found = match find(&shared, &registry, &SWEPT, minimum_age).await {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(error = %error.report(), "it cannot be told now what belongs to no plugin");
                continue;
            }
        };
        let now = Instant::now();
        let mut still = BTreeMap::new();
        let mut due = Vec::new();
        for orphan in found {
            let key = (orphan.kind, orphan.id.clone());
            let since = seen.get(&key).copied().unwrap_or_else(|| {
                tracing::warn!(%orphan, "it is removed if it still belongs to no plugin in {minimum_age:?}");
                now
            });
            if now - since >= minimum_age {
                due.push(orphan);
            }
            still.insert(key, since);
        }
        seen = still;
        remove(&shared, due, OrphanDisposition::Due).await;
    }
}

/// Removes those of one fate, one after the other.
pub(super) async fn remove(shared: &Shared, orphans: Vec<Orphan>, fate: OrphanDisposition) -> SweepReport {
    let mut sweep = SweepReport::default();
    for orphan in orphans.into_iter().filter(|orphan| orphan.disposition == fate) {
        let resource = Resource {
            plugin: orphan.plugin.clone(),
            ..Resource::new(orphan.kind, orphan.id.as_str(), orphan.name.as_str())
        };
        let discard = shared.engine.remove_resource(&shared.instance, &resource);
        match within(deadline::CONTROL, "remove resource", &orphan.name, discard).await {
            Ok(freed) => {
                tracing::info!(%orphan, freed_bytes = freed, "removed, because it belongs to no plugin");
                sweep.freed_bytes = sweep.freed_bytes.saturating_add(freed);
                sweep.removed.push(orphan);
            }
            Err(error) => {
                tracing::warn!(%orphan, error = %crate::engine::report::report(&error), "belongs to no plugin and could not be removed");
                sweep.failed.push((orphan, Error::engine(error)));
            }
        }
    }
    sweep
}
