//! Gives a plugin the settings that are kept for it, until it has them.

use std::{sync::Arc, time::Duration};

use super::ConfigDesk;
use crate::{model::config_state::ConfigState, protocol::client::PluginClient};

/// Pauses before the tries after the first; the last one goes on.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

/// Runs as long as one run of the plugin, and whenever settings are pending it sends them until the
/// plugin has or refuses them. Safe to drop at any await.
pub(crate) async fn keep_delivered(desk: Arc<ConfigDesk>, client: PluginClient) {
    let mut news = desk.watch();
    loop {
        let pending = |state: &ConfigState| matches!(state, ConfigState::Pending { .. });
        if news.wait_for(pending).await.is_err() {
            return;
        }
        let mut pauses = PAUSES.into_iter();
        let mut pause = Duration::ZERO;
        while !desk.deliver(&client).await {
            pause = pauses.next().unwrap_or(pause);
            tokio::time::sleep(pause).await;
        }
    }
}
