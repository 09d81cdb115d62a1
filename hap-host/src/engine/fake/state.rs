use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::{Duration, SystemTime},
};

use hap_manifest::PluginId;
use tokio::time::Instant;

use super::{
    containers::{Containers, FakeContainer},
    faults::Script,
    run::{FakeEnd, FakeRun},
};
use crate::engine::{
    HostEndpoints,
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
    isolation::{IsolationLoss, IsolationSigns},
    labels,
    observed::{ContainerId, ContainerStatus, EngineRestarts, Exit, Observed, ObservedLimits},
    resource::Resource,
    spec::{ContainerSpec, ResourceLimits},
    testing::SimulatedHealth,
    volume_copy::VolumeCopy,
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

/// Runs that are remembered.
const RUNS: usize = 10_000;

/// Everything that exists.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) images: BTreeMap<String, FakeImage>,
    pub(super) containers: Containers,
    pub(super) foreign: BTreeSet<String>,
    pub(super) volumes: BTreeMap<String, FakeVolume>,
    /// What is kept besides containers and volumes: networks and images.
    pub(super) kept: BTreeMap<String, Kept>,
    pub(super) health: BTreeMap<PluginId, SimulatedHealth>,
    /// Where plugins find the host, if not on loopback.
    pub(super) platform: Option<HostEndpoints>,
    pub(super) crashes: BTreeMap<PluginId, Exit>,
    /// Plugins that do not stop when they are asked.
    pub(super) stubborn: BTreeSet<PluginId>,
    /// Runs of containers made from these images end at once.
    pub(super) image_crashes: BTreeMap<String, Exit>,
    pub(super) addresses: BTreeMap<PluginId, SocketAddr>,
    /// What a measurement of isolation finds, and what is reported without one.
    pub(super) isolation: Option<IsolationLoss>,
    pub(super) isolation_signs: IsolationSigns,
    /// What is free on the disk with the volumes.
    pub(super) free_bytes: Option<u64>,
    /// How far the clock by which lines are dated is behind the host's.
    pub(super) clock_behind: Duration,
    pub(super) script: Script,
    pub(super) runs: VecDeque<FakeRun>,
    made: u64,
    started: u64,
}

#[derive(Debug)]
pub(super) struct FakeVolume {
    pub(super) instance: InstanceName,
    pub(super) plugin: PluginId,
    /// Stands for all that a plugin keeps in it.
    pub(super) content: String,
}

impl FakeVolume {
    pub(super) const fn empty(instance: InstanceName, plugin: PluginId) -> Self {
        Self {
            instance,
            plugin,
            content: String::new(),
        }
    }
}

impl World {
    pub(super) fn create(&mut self, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
        if self.containers.has_name(&spec.name) || self.foreign.contains(&spec.name) {
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
        let mut observed = Observed::created(id.clone(), spec.plugin.clone(), digest);
        observed.limits = ObservedLimits::from(&spec.limits);
        observed.restarts = Some(EngineRestarts::of(spec.outlives_host));
        observed.name.clone_from(&spec.name);
        observed.seal = spec.labels.get(labels::SEAL).cloned();
        observed.on_network = true;
        let container = FakeContainer {
            observed,
            spec: spec.clone(),
            lines: VecDeque::new(),
            made: Instant::now(),
            is_cut_off: false,
        };
        for volume in &spec.volumes {
            self.volumes
                .entry(volume.name.clone())
                .or_insert_with(|| FakeVolume::empty(spec.instance.clone(), spec.plugin.clone()));
        }
        self.containers.insert(container);
        Ok(id)
    }

    /// Starts a container; whether it did not run already. `None` without such a container.
    pub(super) fn start(&mut self, id: &ContainerId) -> Option<bool> {
        let container = self.containers.get_mut(id)?;
        let observed = &mut container.observed;
        let address = self.addresses.get(&observed.plugin).copied();
        if observed.status == ContainerStatus::Running {
            return Some(false);
        }
        self.started += 1;
        observed.status = ContainerStatus::Running;
        observed.started_at = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(self.started));
        observed.restarted_by_engine = false;
        observed.exit = None;
        // Nobody listens there: what a plugin answers is simulated.
        let address = address.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 9)));
        observed.address = (!container.is_cut_off).then_some(address);
        if self.runs.len() == RUNS {
            self.runs.pop_front();
        }
        self.runs.push_back(FakeRun {
            plugin: observed.plugin.clone(),
            container: id.clone(),
            started: Instant::now(),
            ended: None,
        });
        Some(true)
    }

    /// Removes a volume, unless a container has it or it is another plugin's.
    pub(super) fn remove_volume(
        &mut self,
        instance: &InstanceName,
        plugin: &PluginId,
        name: &str,
    ) -> Result<(), EngineError> {
        let refused = |message| {
            Err(EngineError::new(
                EngineErrorKind::Conflict,
                "remove volumes",
                name,
                message,
            ))
        };
        match self.volumes.get(name) {
            None => return Ok(()),
            Some(volume) if volume.instance != *instance || volume.plugin != *plugin => {
                return refused("it is somebody else's");
            }
            Some(_) => {}
        }
        let mut mounts = self
            .containers
            .values()
            .flat_map(|container| &container.spec.volumes);
        if mounts.any(|mount| mount.name == name) {
            return refused("a container has it");
        }
        self.volumes.remove(name);
        Ok(())
    }

    pub(super) fn copy_volumes(&mut self, copy: &VolumeCopy) -> Result<(), EngineError> {
        let mut sources = copy.volumes.iter().map(|(source, _)| source);
        if let Some(missing) =
            sources.find(|source| copy.require_sources && !self.volumes.contains_key(*source))
        {
            let kind = EngineErrorKind::NotFound;
            return Err(EngineError::new(
                kind,
                "copy volumes",
                missing,
                "there is no such volume",
            ));
        }
        for (source, target) in &copy.volumes {
            self.remove_volume(&copy.instance, &copy.plugin, target)?;
            let mut volume = FakeVolume::empty(copy.instance.clone(), copy.plugin.clone());
            if let Some(source) = self.volumes.get(source) {
                volume.content.clone_from(&source.content);
            }
            self.volumes.insert(target.clone(), volume);
        }
        Ok(())
    }

    /// Changes the limits of a container; whether there is one.
    pub(super) fn set_limits(
        &mut self,
        id: &ContainerId,
        limits: &ResourceLimits,
        outlives_host: bool,
    ) -> bool {
        let Some(container) = self.containers.get_mut(id) else {
            return false;
        };
        container.spec.limits = *limits;
        container.observed.limits = ObservedLimits::from(limits);
        container.spec.outlives_host = outlives_host;
        container.observed.restarts = Some(EngineRestarts::of(outlives_host));
        true
    }

    /// How the run of a container ends at once, if the test wants that.
    pub(super) fn crash_of(&self, id: &ContainerId) -> Option<Exit> {
        let container = self.containers.get(id)?;
        let by_plugin = self.crashes.get(&container.observed.plugin);
        by_plugin
            .or_else(|| self.image_crashes.get(&container.spec.image))
            .cloned()
    }

    /// Lets the engine start what it is about to start again by itself; which containers that were.
    pub(super) fn start_again(&mut self, plugin: &PluginId) -> Vec<ContainerId> {
        let due = self.all_of(plugin).into_iter().filter(|id| {
            let container = self.containers.get(id);
            container.is_some_and(|of| of.observed.status == ContainerStatus::Restarting)
        });
        let due: Vec<_> = due.collect();
        for id in &due {
            self.start(id);
            if let Some(container) = self.containers.get_mut(id) {
                container.observed.restarted_by_engine = true;
            }
        }
        due
    }

    /// Ends the run of a container; whether it ran.
    pub(super) fn end(&mut self, id: &ContainerId, exit: Exit, how: &FakeEnd) -> bool {
        let Some(container) = self.containers.get_mut(id) else {
            return false;
        };
        let again = container.spec.outlives_host && matches!(how, FakeEnd::Itself(_));
        let observed = &mut container.observed;
        if observed.status == ContainerStatus::Restarting {
            observed.status = ContainerStatus::Exited;
        }
        if !observed.is_running() {
            return false;
        }
        self.runs
            .iter_mut()
            .rev()
            .filter(|run| run.container == *id && run.ended.is_none())
            .for_each(|run| run.ended = Some((Instant::now(), how.clone())));
        observed.status = if again {
            ContainerStatus::Restarting
        } else {
            ContainerStatus::Exited
        };
        observed.exit = Some(exit);
        observed.address = None;
        true
    }

    /// All containers of a plugin, in whatever instance.
    pub(super) fn all_of(&self, plugin: &PluginId) -> Vec<ContainerId> {
        let of = self.containers.of(plugin);
        of.map(|container| container.observed.id.clone()).collect()
    }

    /// Those of them that run.
    pub(super) fn running_of(&self, plugin: &PluginId) -> Vec<ContainerId> {
        let of = self.containers.of(plugin);
        of.filter(|container| container.observed.status == ContainerStatus::Running)
            .map(|container| container.observed.id.clone())
            .collect()
    }

    /// Whether a container of the plugin runs without a network.
    pub(super) fn is_cut_off(&self, plugin: &PluginId) -> bool {
        self.containers.of(plugin).any(|container| container.is_cut_off)
    }

    /// Whether a container of the plugin is frozen.
    pub(super) fn is_paused(&self, plugin: &PluginId) -> bool {
        let mut of = self.containers.of(plugin);
        of.any(|container| container.observed.status == ContainerStatus::Paused)
    }
}

/// A network that nobody needs, or an image that was built.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) instance: InstanceName,
    pub(super) resource: Resource,
    pub(super) made: Instant,
}
