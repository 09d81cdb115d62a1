use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hap_manifest::PluginId;

use crate::{
    error::{Error, ErrorKind},
    handle::PluginHandle,
};

/// The installed plugins, and the ids that are being installed. Never locked across an await.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registry(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    plugins: BTreeMap<PluginId, PluginHandle>,
    reserved: BTreeSet<PluginId>,
}

impl Registry {
    pub(crate) fn get(&self, id: &PluginId) -> Option<PluginHandle> {
        self.lock().plugins.get(id).cloned()
    }

    pub(crate) fn all(&self) -> Vec<PluginHandle> {
        self.lock().plugins.values().cloned().collect()
    }

    /// Ids of all plugins that are installed.
    pub(crate) fn ids(&self) -> BTreeSet<PluginId> {
        self.lock().plugins.keys().cloned().collect()
    }

    /// Ids of plugins that are being installed.
    pub(crate) fn reserved(&self) -> BTreeSet<PluginId> {
        self.lock().reserved.clone()
    }

    pub(crate) fn insert(&self, handle: PluginHandle) {
        self.lock().plugins.insert(handle.id().clone(), handle);
    }

    pub(crate) fn remove(&self, id: &PluginId) {
        self.lock().plugins.remove(id);
    }

    /// Reserves an id while it is being installed, so that two calls cannot install it at once.
    pub(crate) fn reserve(&self, id: &PluginId) -> Result<Reservation, Error> {
        let mut entries = self.lock();
        if entries.plugins.contains_key(id) {
            let message = "it is installed already: uninstall it first";
            return Err(Error::new(ErrorKind::AlreadyInstalled, message).with_plugin(id));
        }
        if !entries.reserved.insert(id.clone()) {
            return Err(Error::new(ErrorKind::Busy, "another call is installing it").with_plugin(id));
        }
        Ok(Reservation {
            registry: self.clone(),
            id: id.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // Each change is one insertion or removal, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Frees the id when the installation ends, however it ends.
#[derive(Debug)]
pub(crate) struct Reservation {
    registry: Registry,
    id: PluginId,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.registry.lock().reserved.remove(&self.id);
    }
}
