use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
};

use hap_manifest::PluginId;
use time::OffsetDateTime;
use tokio::time::Instant;

use super::{
    holding::Kept,
    run::{FakeEnd, FakeRun},
    script::Script,
};
use crate::engine::{
    ContainerId, ContainerSpec, ContainerStatus, EngineError, EngineErrorKind, Exit, InstanceName, LogLine,
    Observed, Platform, SimulatedHealth, labels,
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
    pub(super) containers: BTreeMap<ContainerId, FakeContainer>,
    pub(super) foreign: BTreeSet<String>,
    pub(super) volumes: BTreeMap<String, (InstanceName, PluginId)>,
    /// What is kept besides containers and volumes: networks and images.
    pub(super) kept: BTreeMap<String, Kept>,
    pub(super) health: BTreeMap<PluginId, SimulatedHealth>,
    /// Where plugins find the host, if not on loopback.
    pub(super) platform: Option<Platform>,
    pub(super) crashes: BTreeMap<PluginId, Exit>,
    pub(super) addresses: BTreeMap<PluginId, SocketAddr>,
    pub(super) script: Script,
    pub(super) runs: VecDeque<FakeRun>,
    made: u64,
    started: i64,
}

#[derive(Debug)]
pub(super) struct FakeContainer {
    pub(super) observed: Observed,
    pub(super) spec: ContainerSpec,
    pub(super) lines: VecDeque<LogLine>,
    pub(super) made: Instant,
    /// It was taken off its network, for good.
    pub(super) is_cut_off: bool,
}

impl World {
    pub(super) fn create(&mut self, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
        let taken = self
            .containers
            .values()
            .any(|container| container.spec.name == spec.name);
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
            spec: spec.clone(),
            lines: VecDeque::new(),
            made: Instant::now(),
            is_cut_off: false,
        };
        for volume in &spec.volumes {
            self.volumes
                .insert(volume.name.clone(), (spec.instance.clone(), spec.plugin.clone()));
        }
        self.containers.insert(id.clone(), container);
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
        observed.started_at = Some(OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(self.started));
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

    /// How the run of a container ends at once, if the test wants that.
    pub(super) fn crash_of(&self, id: &ContainerId) -> Option<Exit> {
        self.crashes
            .get(&self.containers.get(id)?.observed.plugin)
            .cloned()
    }

    /// Ends the run of a container; whether it ran.
    pub(super) fn end(&mut self, id: &ContainerId, exit: Exit, how: &FakeEnd) -> bool {
        let Some(container) = self.containers.get_mut(id) else {
            return false;
        };
        let observed = &mut container.observed;
        if !matches!(
            observed.status,
            ContainerStatus::Running | ContainerStatus::Paused
        ) {
            return false;
        }
        self.runs
            .iter_mut()
            .rev()
            .filter(|run| run.container == *id && run.ended.is_none())
            .for_each(|run| run.ended = Some((Instant::now(), how.clone())));
        observed.status = ContainerStatus::Exited;
        observed.exit = Some(exit);
        observed.address = None;
        true
    }

    /// All containers of a plugin, in whatever instance.
    pub(super) fn all_of(&self, plugin: &PluginId) -> Vec<ContainerId> {
        let of = self
            .containers
            .values()
            .filter(|container| container.observed.plugin == *plugin);
        of.map(|container| container.observed.id.clone()).collect()
    }

    /// Those of them that run.
    pub(super) fn running_of(&self, plugin: &PluginId) -> Vec<ContainerId> {
        let runs = |id: &ContainerId| {
            self.containers
                .get(id)
                .is_some_and(|of| of.observed.status == ContainerStatus::Running)
        };
        self.all_of(plugin).into_iter().filter(runs).collect()
    }

    /// Whether a container of the plugin runs without a network.
    pub(super) fn is_cut_off(&self, plugin: &PluginId) -> bool {
        let mut all = self.containers.values();
        all.any(|container| container.observed.plugin == *plugin && container.is_cut_off)
    }

    /// Whether a container of the plugin is frozen.
    pub(super) fn is_paused(&self, plugin: &PluginId) -> bool {
        self.containers.values().any(|container| {
            container.observed.plugin == *plugin && container.observed.status == ContainerStatus::Paused
        })
    }
}
