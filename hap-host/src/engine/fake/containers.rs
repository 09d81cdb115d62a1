use std::collections::{BTreeMap, BTreeSet, VecDeque};

use hap_manifest::PluginId;
use tokio::time::Instant;

use crate::engine::{
    observed::{ContainerId, Observed},
    spec::ContainerSpec,
    stream::LogLine,
};

#[derive(Debug)]
pub(super) struct FakeContainer {
    pub(super) observed: Observed,
    pub(super) spec: ContainerSpec,
    pub(super) lines: VecDeque<LogLine>,
    pub(super) made: Instant,
    /// It was taken off its network, for good.
    pub(super) is_cut_off: bool,
}

/// The containers that exist, found by id, by plugin and by name alike: each probe of each plugin
/// asks for one, and a search through all of them would cost a fleet the square of its size.
#[derive(Debug, Default)]
pub(super) struct Containers {
    all: BTreeMap<ContainerId, FakeContainer>,
    by_plugin: BTreeMap<PluginId, BTreeSet<ContainerId>>,
    by_name: BTreeMap<String, ContainerId>,
}

impl Containers {
    pub(super) fn insert(&mut self, container: FakeContainer) {
        let id = container.observed.id.clone();
        let plugin = container.observed.plugin.clone();
        self.by_plugin.entry(plugin).or_default().insert(id.clone());
        self.by_name.insert(container.spec.name.clone(), id.clone());
        self.all.insert(id, container);
    }

    pub(super) fn remove(&mut self, id: &ContainerId) {
        let Some(container) = self.all.remove(id) else {
            return;
        };
        self.by_name.remove(&container.spec.name);
        let plugin = &container.observed.plugin;
        if let Some(ids) = self.by_plugin.get_mut(plugin) {
            ids.remove(id);
            if ids.is_empty() {
                self.by_plugin.remove(plugin);
            }
        }
    }

    pub(super) fn has_name(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub(super) fn get(&self, id: &ContainerId) -> Option<&FakeContainer> {
        self.all.get(id)
    }

    /// One to change, its plugin and its name excepted.
    pub(super) fn get_mut(&mut self, id: &ContainerId) -> Option<&mut FakeContainer> {
        self.all.get_mut(id)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &FakeContainer> {
        self.all.values()
    }

    /// Those of a plugin, in whatever instance.
    pub(super) fn of(&self, plugin: &PluginId) -> impl Iterator<Item = &FakeContainer> {
        let ids = self.by_plugin.get(plugin).into_iter().flatten();
        ids.filter_map(|id| self.all.get(id))
    }

    /// Lets each of a plugin's be changed, its plugin and its name excepted.
    pub(super) fn change(&mut self, plugin: &PluginId, mut change: impl FnMut(&mut FakeContainer)) {
        for id in self.by_plugin.get(plugin).into_iter().flatten() {
            if let Some(container) = self.all.get_mut(id) {
                change(container);
            }
        }
    }
}
