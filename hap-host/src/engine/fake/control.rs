//! What a test does to the world behind the supervisor's back, besides letting plugins crash.

use std::time::Duration;

use hap_manifest::PluginId;

use super::{
    FakeEngine, Told,
    faults::{FakeOperation, Fault},
    run::FakeRun,
};
use crate::engine::{
    HostEndpoints,
    error::EngineErrorKind,
    isolation::{IsolationLoss, IsolationSigns},
    labels,
    observed::{ContainerId, ContainerStatus},
    spec::ContainerSpec,
    stream::EngineEventKind,
};

impl FakeEngine {
    /// Lets the next call of an operation be carried out and answered with an error all the same,
    /// as when the connection breaks at the wrong moment. Calls that change nothing fail as with
    /// [`fail_next`](Self::fail_next).
    pub fn lose_next_answer(&self, operation: FakeOperation, kind: EngineErrorKind) {
        self.world()
            .script
            .faults
            .push_back((operation, Fault::LoseAnswer(kind)));
    }

    /// Breaks all event streams. They are opened again by whoever reads them, and what happened in
    /// between is lost.
    pub fn break_event_stream(&self) {
        // Nobody listening is fine.
        let _ = self.events.send(Told::Cut);
    }

    /// Moves the host: where [`prepare`](crate::engine::Engine::prepare) says from now on
    /// that plugins find it, as when networks were removed and come back on other subnets.
    /// Default: 127.0.0.1.
    pub fn set_host_endpoints(&self, platform: HostEndpoints) {
        self.world().platform = Some(platform);
    }

    /// What [`measure_isolation`](crate::engine::Engine::measure_isolation) finds from now on. Default:
    /// nobody reaches anybody.
    pub fn set_isolation(&self, loss: Option<IsolationLoss>) {
        self.world().isolation = loss;
    }

    /// What [`isolation_signs`](crate::engine::Engine::isolation_signs) reports from now on. Default:
    /// nothing.
    pub fn set_isolation_signs(&self, signs: IsolationSigns) {
        self.world().isolation_signs = signs;
    }

    /// Takes the containers of a plugin off their network: they run, nobody reaches them, and no
    /// start brings them back.
    pub fn disconnect(&self, plugin: &PluginId) {
        self.world().containers.change(plugin, |container| {
            container.is_cut_off = true;
            container.observed.address = None;
        });
    }

    /// Lets a plugin ignore that it is asked to stop: it goes on until its grace is over, or it is
    /// killed.
    pub fn ignore_stops(&self, plugin: &PluginId) {
        self.world().stubborn.insert(plugin.clone());
    }

    /// Freezes the containers of a plugin that run: they exist, and answer no health check.
    pub fn pause(&self, plugin: &PluginId) {
        self.set_status(plugin, ContainerStatus::Running, ContainerStatus::Paused);
    }

    /// Lets the frozen containers of a plugin go on.
    pub fn resume(&self, plugin: &PluginId) {
        self.set_status(plugin, ContainerStatus::Paused, ContainerStatus::Running);
    }

    /// Lets the engine start the containers of a plugin again that ended by themselves, as Docker
    /// does after a moment. Only those of a host whose [plugins outlive
    /// it](crate::supervisor::builder::SupervisorBuilder::restart_without_host), and only until
    /// somebody stopped them.
    pub fn restart_by_engine(&self, plugin: &PluginId) {
        let started = self.world().start_again(plugin);
        for container in started {
            self.tell(&container, EngineEventKind::Started);
        }
    }

    /// Duplicates a plugin's container under another name, with its labels and its volumes, as a
    /// container manager does, and starts the copy. `None` without a container.
    #[expect(
        clippy::must_use_candidate,
        reason = "a test may want the copy alone, and not its id"
    )]
    pub fn duplicate(&self, plugin: &PluginId, name: &str) -> Option<ContainerId> {
        let spec = ContainerSpec {
            name: name.to_owned(),
            ..self.spec(plugin)?
        };
        let id = {
            let mut world = self.world();
            let id = world.create(&spec).ok()?;
            world.start(&id);
            id
        };
        self.tell(&id, EngineEventKind::Started);
        Some(id)
    }

    /// Takes the seal off all containers of a plugin: as a version of the supervisor made them that
    /// knew none, or somebody whose image carries the labels.
    pub fn remove_seal(&self, plugin: &PluginId) {
        self.world().containers.change(plugin, |container| {
            container.observed.seal = None;
            container.spec.labels.remove(labels::SEAL);
        });
    }

    fn set_status(&self, plugin: &PluginId, from: ContainerStatus, to: ContainerStatus) {
        self.world().containers.change(plugin, |container| {
            if container.observed.status == from {
                container.observed.status = to;
            }
        });
    }

    /// Takes back everything that was scripted: faults, delays, crashes at start, answers to health
    /// checks, and that the engine is away. What exists stays as it is.
    pub fn clear_faults(&self) {
        let mut world = self.world();
        world.script.faults.clear();
        world.script.delays.clear();
        world.script.unavailable = false;
        world.script.events_to_lose = 0;
        world.health.clear();
        world.crashes.clear();
        world.stubborn.clear();
        world.image_crashes.clear();
    }

    /// What is free on the disk with the volumes; of a volume each byte of its text takes one. Default:
    /// not known.
    pub fn set_free_bytes(&self, free: Option<u64>) {
        self.world().free_bytes = free;
    }

    /// Lets what plugins print from now on be dated so much earlier, as by an engine whose clock is
    /// behind the host's. Default: not at all.
    pub fn set_clock_behind(&self, behind: Duration) {
        self.world().clock_behind = behind;
    }

    /// Removes a volume behind the supervisor's back.
    pub fn remove_volume_externally(&self, name: &str) {
        self.world().volumes.remove(name);
    }

    /// The newest runs of containers, by their start; at most 10,000.
    #[must_use]
    pub fn runs(&self) -> Vec<FakeRun> {
        self.world().runs.iter().cloned().collect()
    }
}
