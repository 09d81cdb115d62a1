use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use hap_manifest::{PluginId, WebhookSecret};

use crate::model::keys::{KeyPair, PluginKeys};

/// The keys of every plugin that may send events. Clones share it: the supervisor writes,
/// the inbox reads.
#[derive(Clone, Default)]
pub(crate) struct Credentials(Arc<RwLock<HashMap<PluginId, Arc<Keys>>>>);

impl Credentials {
    /// Gives a plugin its keys, in place of all that it had. While they are rotated two pairs are
    /// good, because a plugin learns of new ones only when it starts again.
    pub(crate) fn set(&self, id: &PluginId, keys: &PluginKeys) {
        let keys = Arc::new(Keys(keys.pairs().cloned().collect()));
        self.with(|all| all.insert(id.clone(), keys));
    }

    /// Takes a plugin's keys away: it can send nothing more.
    pub(crate) fn remove(&self, id: &PluginId) {
        self.with(|all| all.remove(id));
    }

    /// The keys of a plugin, shared so that the registry is not locked while
    /// signatures are computed.
    pub(super) fn get(&self, id: &PluginId) -> Option<Arc<Keys>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashMap<PluginId, Arc<Keys>>) -> T) {
        let _ = change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plugins = self.0.read().unwrap_or_else(PoisonError::into_inner).len();
        f.debug_struct("Credentials")
            .field("plugins", &plugins)
            .finish_non_exhaustive()
    }
}

/// What one plugin proves itself with.
pub(super) struct Keys(Vec<KeyPair>);

impl Keys {
    pub(super) fn matches_token(&self, presented: &str) -> bool {
        // Not short-circuited: the time does not tell which of the two it was.
        self.0
            .iter()
            .fold(false, |found, pair| found | pair.token.matches(presented))
    }

    pub(super) fn secrets(&self) -> Vec<WebhookSecret> {
        self.0.iter().map(|pair| pair.webhook_secret.clone()).collect()
    }
}
