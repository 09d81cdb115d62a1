//! Samples what plugins use.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::registry::Registry;
use crate::plugin::usage::SHORTEST;

/// Plugins that are sampled at a time: the engine has other things to do.
const AT_ONCE: usize = 4;

/// Samples every plugin that runs, again and again until cancelled.
pub(crate) async fn sample(registry: Registry, every: Duration, cancel: CancellationToken) {
    let mut ticks = tokio::time::interval(every.max(SHORTEST));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let sampling = async {
        loop {
            ticks.tick().await;
            let running = registry.all().into_iter();
            let running = running.filter(|plugin| plugin.state().phase.is_reachable());
            stream::iter(running)
                .for_each_concurrent(AT_ONCE, |plugin| async move {
                    if let Err(error) = plugin.usage().await {
                        tracing::debug!(plugin = %plugin.id(), error = %error.report(), "its resource use could not be sampled");
                    }
                })
                .await;
        }
    };
    cancel.run_until_cancelled(sampling).await;
}
