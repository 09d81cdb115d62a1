use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use hap_manifest::PluginId;
use time::OffsetDateTime;

use super::script::Script;
use crate::engine::{
    ContainerId, ContainerSpec, ContainerStatus, EngineError, EngineErrorKind, Exit, InstanceName, Observed,
    SimulatedHealth, labels,
};

/// Whether an image is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FakeImage {
    /// It is on the machine.
    Present,
    /// It is not on the machine and can be pulled.
    Pullable,
    /// No registry has it.
    Missing,
    /// The registry refuses this caller.
    Denied,
}

/// Everything that exists.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) images: BTreeMap<String, FakeImage>,
    pub(super) containers: BTreeMap<ContainerId, FakeContainer>,
    pub(super) foreign: BTreeSet<String>,
    pub(super) volumes: BTreeMap<String, (InstanceName, PluginId)>,
    pub(super) health: BTreeMap<PluginId, SimulatedHealth>,
    pub(super) crashes: BTreeMap<PluginId, Exit>,
    pub(super) script: Script,
    made: u64,
    runs: i64,
}

#[derive(Debug)]
pub(super) struct FakeContainer {
    pub(super) observed: Observed,
    pub(super) instance: InstanceName,
    name: String,
}

impl World {
    pub(super) fn create(&mut self, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
        let taken = self
            .containers
            .values()
            .any(|container| container.name == spec.name);
        if taken || self.foreign.contains(&spec.name) {
            let message = "a container of that name exists";
            return Err(EngineError::new(
                EngineErrorKind::Conflict,
                "create",
                &spec.name,
                message,
            ));
        }
        self.made += 1;
        let id = ContainerId::new(format!("{:064x}", self.made));
        let digest = spec.labels.get(labels::SPEC_DIGEST).cloned().unwrap_or_default();
        let container = FakeContainer {
            observed: Observed::created(id.clone(), spec.plugin.clone(), digest),
            instance: spec.instance.clone(),
            name: spec.name.clone(),
        };
        for volume in &spec.volumes {
            self.volumes
                .insert(volume.name.clone(), (spec.instance.clone(), spec.plugin.clone()));
        }
        self.containers.insert(id.clone(), container);
        Ok(id)
    }

    /// Starts a container; whether its run has ended already. `None` without such a container.
    pub(super) fn start(&mut self, id: &ContainerId) -> Option<bool> {
        let container = self.containers.get_mut(id)?;
        let observed = &mut container.observed;
        if observed.status == ContainerStatus::Running {
            return Some(false);
        }
        self.runs += 1;
        observed.status = ContainerStatus::Running;
        observed.started_at = Some(OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(self.runs));
        observed.exit = None;
        // Nobody listens there: what a plugin answers is simulated.
        observed.address = Some(SocketAddr::from(([127, 0, 0, 1], 9)));
        let (plugin, crash) = (
            observed.plugin.clone(),
            self.crashes.get(&observed.plugin).cloned(),
        );
        Some(crash.is_some_and(|exit| self.end(&plugin, exit).is_some()))
    }

    /// Ends the run of a plugin's container; which one, if one ran.
    pub(super) fn end(&mut self, plugin: &PluginId, exit: Exit) -> Option<ContainerId> {
        let running = |container: &&mut FakeContainer| {
            container.observed.plugin == *plugin && container.observed.status == ContainerStatus::Running
        };
        let container = self.containers.values_mut().find(running)?;
        container.observed.status = ContainerStatus::Exited;
        container.observed.exit = Some(exit);
        container.observed.address = None;
        Some(container.observed.id.clone())
    }

    pub(super) fn remove_of(&mut self, plugin: &PluginId) -> Vec<ContainerId> {
        let of = |container: &&FakeContainer| container.observed.plugin == *plugin;
        let ids: Vec<_> = self
            .containers
            .values()
            .filter(of)
            .map(|c| c.observed.id.clone())
            .collect();
        for id in &ids {
            self.containers.remove(id);
        }
        ids
    }
}
