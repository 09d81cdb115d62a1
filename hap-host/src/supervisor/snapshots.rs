//! Looks whether the snapshots that updates keep are still there.

use std::{sync::Arc, time::Duration};

use crate::{plugin::context::Shared, supervisor::registry::Registry};

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Looks at the start, and again and again until it is dropped: an operator who prunes volumes
/// learns soon what was among them.
pub(super) async fn look_after_snapshots(shared: Arc<Shared>, registry: Registry) {
    if !shared.engine.capabilities().isolation {
        return;
    }
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for plugin in registry.all() {
            if let Err(error) = plugin.look_after_snapshot().await {
                tracing::debug!(plugin = %plugin.id(), error = %error.report(), "whether its snapshot is there cannot be told now");
            }
        }
    }
}
