use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use hap_manifest::{ApiToken, PluginId, WebhookSecret};

/// The keys of every plugin that may send events. Clones share it: the supervisor writes, the inbox reads.
#[derive(Clone, Default)]
pub(crate) struct Credentials(Arc<RwLock<HashMap<PluginId, Arc<Keys>>>>);

impl Credentials {
    /// Gives a plugin its keys, in place of all that it had.
    pub(crate) fn set(&self, id: &PluginId, token: ApiToken, secret: WebhookSecret) {
        let keys = Keys {
            current: Pair { token, secret },
            previous: None,
        };
        self.with(|all| all.insert(id.clone(), Arc::new(keys)));
    }

    /// Gives a plugin new keys. Those that it had stay good until [`retire`](Self::retire), because a plugin
    /// learns of new ones only when it starts again; older ones go.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a second valid key is what a rotation needs")
    )]
    pub(crate) fn rotate(&self, id: &PluginId, token: ApiToken, secret: WebhookSecret) {
        let current = Pair { token, secret };
        self.with(|all| {
            let previous = all.get(id).map(|keys| keys.current.clone());
            all.insert(id.clone(), Arc::new(Keys { current, previous }))
        });
    }

    /// Ends a rotation: only the newest keys are good.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a second valid key is what a rotation needs")
    )]
    pub(crate) fn retire(&self, id: &PluginId) {
        self.with(|all| {
            let current = all.get(id).map(|keys| keys.current.clone())?;
            all.insert(
                id.clone(),
                Arc::new(Keys {
                    current,
                    previous: None,
                }),
            )
        });
    }

    /// Takes a plugin's keys away: it can send nothing more.
    pub(crate) fn remove(&self, id: &PluginId) {
        self.with(|all| all.remove(id));
    }

    /// The keys of a plugin, shared so that the registry is not locked while signatures are computed.
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
pub(super) struct Keys {
    current: Pair,
    previous: Option<Pair>,
}

#[derive(Clone)]
struct Pair {
    token: ApiToken,
    secret: WebhookSecret,
}

impl Keys {
    pub(super) fn matches_token(&self, presented: &str) -> bool {
        // Not short-circuited: the time does not tell which of the two it was.
        self.pairs()
            .fold(false, |found, pair| found | pair.token.matches(presented))
    }

    pub(super) fn secrets(&self) -> Vec<WebhookSecret> {
        self.pairs().map(|pair| pair.secret.clone()).collect()
    }

    fn pairs(&self) -> impl Iterator<Item = &Pair> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}
