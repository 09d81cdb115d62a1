use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use hap_manifest::PluginId;

use crate::{
    engine::progress::{Progress, ProgressSink},
    error::{Error, ErrorKind},
    model::activity::InstallProgress,
    plugin::handle::PluginHandle,
};

/// The installed plugins, and the ids that are being installed. Never locked across an await.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registry(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    plugins: BTreeMap<PluginId, PluginHandle>,
    reserved: BTreeMap<PluginId, InstallProgress>,
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

    /// Ids of plugins that are being installed, or brought to another version.
    pub(crate) fn changing(&self) -> BTreeSet<PluginId> {
        let entries = self.lock();
        let updated = entries
            .plugins
            .iter()
            .filter(|(_, plugin)| plugin.prepares_update());
        let updated = updated.map(|(id, _)| id);
        entries.reserved.keys().chain(updated).cloned().collect()
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
        if let Some(other) = entries.reserved.get(id) {
            let since = other.since.elapsed().unwrap_or_default().as_secs();
            let stage = other.stage.map(|stage| format!(" ({stage})")).unwrap_or_default();
            let message = format!("another call has been installing it for {since} s{stage}");
            return Err(Error::new(ErrorKind::Busy, message).with_plugin(id));
        }
        let installing = InstallProgress {
            plugin: id.clone(),
            since: SystemTime::now(),
            stage: None,
            step: None,
        };
        entries.reserved.insert(id.clone(), installing);
        Ok(Reservation {
            registry: self.clone(),
            id: id.clone(),
        })
    }

    /// The ids that are being installed.
    pub(crate) fn installing(&self) -> Vec<InstallProgress> {
        self.lock().reserved.values().cloned().collect()
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

impl Reservation {
    /// A sink that notes the stage and the last words of the installation and hands every report on.
    pub(crate) fn watch(&self, progress: ProgressSink) -> ProgressSink {
        let (registry, id) = (self.registry.clone(), self.id.clone());
        ProgressSink::new(move |report| {
            if let Some(installing) = registry.lock().reserved.get_mut(&id) {
                match &report {
                    Progress::Stage(stage) => installing.stage = Some(*stage),
                    Progress::Step(words) => installing.step = Some(words.clone()),
                    Progress::Bytes { .. } => {}
                }
            }
            progress.report(report);
        })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.registry.lock().reserved.remove(&self.id);
    }
}
