//! A stateful engine without containers, with scripted faults, for tests.

mod containers;
mod control;
mod engine;
pub(crate) mod faults;
mod in_flight;
mod output;
mod resource;
pub(crate) mod run;
pub(crate) mod state;
#[cfg(test)]
mod tests;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hap_manifest::{ImageRef, PluginId};
use tokio::sync::broadcast;

use self::{
    faults::{FakeCall, FakeOperation, Fault},
    in_flight::InFlight,
    run::FakeEnd,
    state::{FakeImage, World},
};
use super::{
    ImageId,
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
    observed::{ContainerId, Exit, Observed},
    spec::ContainerSpec,
    stream::{EngineEvent, EngineEventKind, LogLine},
    testing::SimulatedHealth,
};

/// An engine that only pretends: containers are entries in a table, plugins answer
/// what the test says.
///
/// Clones share one world, so a test keeps a clone to crash plugins, break operations and look at
/// what happened. Everything is at once unless [`set_delay`](Self::set_delay) says otherwise.
///
/// ```
/// # async fn run(state: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
/// use hap_host::{Phase, Supervisor, engine::{Exit, FakeEngine}};
/// use hap_manifest::Manifest;
///
/// let engine = FakeEngine::new();
/// let supervisor = Supervisor::builder(engine.clone(), state).start().await?;
/// let manifest = Manifest::builder("light", "Light", "1.0.0", "light:1").build()?;
/// let light = supervisor.install(manifest).await?;
/// light.start().await?;
///
/// engine.crash(light.id(), Exit::code(1));
/// light.wait_for(|state| state.phase == Phase::Backoff).await?;
/// light.wait_for(|state| state.phase == Phase::Healthy).await?;
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(run(tempfile::tempdir().unwrap().path())).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct FakeEngine {
    world: Arc<Mutex<World>>,
    events: broadcast::Sender<Told>,
    /// What containers print, and that a run ended. Apart, so that a flood of lines costs no event.
    lines: broadcast::Sender<(ContainerId, Option<LogLine>)>,
}

/// What the readers of events hear.
#[derive(Debug, Clone)]
enum Told {
    Event(InstanceName, EngineEvent),
    /// The connection breaks.
    Cut,
}

impl Default for FakeEngine {
    fn default() -> Self {
        Self::new()
    }
}

/// Events, and lines, that wait for a slow reader; more are lost, as they may be on a real engine.
const EVENTS: usize = 1024;

impl FakeEngine {
    /// A world in which every image is there and every plugin is healthy.
    #[must_use]
    pub fn new() -> Self {
        Self {
            world: Arc::default(),
            events: broadcast::Sender::new(EVENTS),
            lines: broadcast::Sender::new(EVENTS),
        }
    }

    /// Says whether an image is there; every image is, unless told otherwise.
    pub fn set_image(&self, image: &ImageRef, state: FakeImage) {
        self.world().images.insert(image.as_str().to_owned(), state);
    }

    /// What a plugin answers to its health checks from now on. Default: healthy.
    pub fn set_health(&self, plugin: &PluginId, health: SimulatedHealth) {
        self.world().health.insert(plugin.clone(), health);
    }

    /// Where a plugin's API is from its next start on, so that a test can serve a real one.
    /// Default: nobody listens there.
    pub fn set_address(&self, plugin: &PluginId, address: SocketAddr) {
        self.world().addresses.insert(plugin.clone(), address);
    }

    /// What a plugin's container was made from, secrets included; `None` without a container.
    #[must_use]
    pub fn spec(&self, plugin: &PluginId) -> Option<ContainerSpec> {
        let world = self.world();
        let container = world.containers.of(plugin).next()?;
        Some(container.spec.clone())
    }

    /// How long each call of an operation takes from now on. Default: no time.
    pub fn set_delay(&self, operation: FakeOperation, delay: Duration) {
        self.world().script.delays.insert(operation, delay);
    }

    /// Lets the next call of an operation fail. Several wait in line.
    pub fn fail_next(&self, operation: FakeOperation, kind: EngineErrorKind) {
        self.world()
            .script
            .faults
            .push_back((operation, Fault::Fail(kind)));
    }

    /// Lets the next call of an operation never come back.
    pub fn hang_next(&self, operation: FakeOperation) {
        self.world().script.faults.push_back((operation, Fault::Hang));
    }

    /// Lets the engine answer nothing, or answer again. Containers live on.
    pub fn set_unavailable(&self, unavailable: bool) {
        self.world().script.unavailable = unavailable;
    }

    /// Swallows the next events.
    pub fn lose_events(&self, events: u32) {
        self.world().script.events_to_lose = events;
    }

    /// Lets a plugin end by itself, in whatever instance it runs. Nothing happens when
    /// it does not run.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a test writes the exit where it calls"
    )]
    pub fn crash(&self, plugin: &PluginId, exit: Exit) {
        let running = self.world().running_of(plugin);
        for container in running {
            self.end(&container, exit.clone(), &FakeEnd::Itself(exit.clone()));
        }
    }

    fn end(&self, container: &ContainerId, exit: Exit, how: &FakeEnd) {
        if self.world().end(container, exit, how) {
            let _ = self.lines.send((container.clone(), None));
            self.tell(container, EngineEventKind::Died);
        }
    }

    /// Lets each coming run of a plugin end at once; `None` ends that.
    pub fn crash_at_start(&self, plugin: &PluginId, exit: Option<Exit>) {
        let mut world = self.world();
        match exit {
            Some(exit) => world.crashes.insert(plugin.clone(), exit),
            None => world.crashes.remove(plugin),
        };
    }

    /// Lets each coming run of a container that was made from an image end at once; `None` ends
    /// that. For a version of a plugin that does not work.
    pub fn crash_image_at_start(&self, image: &ImageRef, exit: Option<Exit>) {
        let (mut world, image) = (self.world(), image_id(image).as_str().to_owned());
        match exit {
            Some(exit) => world.image_crashes.insert(image, exit),
            None => world.image_crashes.remove(&image),
        };
    }

    /// Removes a plugin's container behind the supervisor's back.
    pub fn remove_externally(&self, plugin: &PluginId) {
        let all = self.world().all_of(plugin);
        for container in all {
            self.forget(&container);
        }
    }

    fn forget(&self, container: &ContainerId) {
        // Told first: an event names what its container's labels said.
        self.tell(container, EngineEventKind::Removed);
        let mut world = self.world();
        world.end(container, Exit::code(137), &FakeEnd::Removed);
        world.containers.remove(container);
    }

    /// Adds a container that is not the supervisor's, under a name of its own.
    pub fn add_foreign(&self, name: &str) {
        self.world().foreign.insert(name.to_owned());
    }

    /// Names of the containers that are not the supervisor's and are still there.
    #[must_use]
    pub fn foreign(&self) -> Vec<String> {
        self.world().foreign.iter().cloned().collect()
    }

    /// All containers, running or not.
    #[must_use]
    pub fn containers(&self) -> Vec<Observed> {
        self.world()
            .containers
            .values()
            .map(|container| container.observed.clone())
            .collect()
    }

    /// Names of all volumes.
    #[must_use]
    pub fn volumes(&self) -> Vec<String> {
        self.world().volumes.keys().cloned().collect()
    }

    /// Writes what stands for all that is in a volume. Nothing happens without such a volume.
    pub fn write_volume(&self, name: &str, content: &str) {
        if let Some(volume) = self.world().volumes.get_mut(name) {
            content.clone_into(&mut volume.content);
        }
    }

    /// What was written to a volume; `None` without such a volume.
    #[must_use]
    pub fn read_volume(&self, name: &str) -> Option<String> {
        self.world()
            .volumes
            .get(name)
            .map(|volume| volume.content.clone())
    }

    /// The newest calls, oldest first; at most 10,000.
    #[must_use]
    pub fn calls(&self) -> Vec<FakeCall> {
        self.world().script.calls.iter().cloned().collect()
    }

    /// Plugins on which two operations that change something were under way at once. A supervisor
    /// leaves this empty.
    #[must_use]
    pub fn concurrent_operations(&self) -> Vec<PluginId> {
        self.world().script.concurrent.clone()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // Each change is made whole before anything can panic.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, container: &ContainerId, kind: EngineEventKind) {
        let event = {
            let mut world = self.world();
            let lost = world.script.events_to_lose > 0;
            world.script.events_to_lose = world.script.events_to_lose.saturating_sub(1);
            world.containers.get(container).filter(|_| !lost).map(|of| {
                let plugin = of.observed.plugin.clone();
                Told::Event(
                    of.spec.instance.clone(),
                    EngineEvent::new(plugin, container.clone(), kind),
                )
            })
        };
        if let Some(event) = event {
            // Nobody listening is fine.
            let _ = self.events.send(event);
        }
    }

    /// Begins a call: notes it, lets it take its time, and lets it fail where the script says so.
    async fn enter(
        &self,
        operation: FakeOperation,
        subject: &str,
        plugin: Option<&PluginId>,
    ) -> Result<InFlight, EngineError> {
        let mut guard = InFlight::begin(&self.world, plugin);
        let (delay, fault, unavailable) = {
            let script = &mut self.world().script;
            script.note(operation, subject);
            let delay = script.delays.get(&operation).copied();
            let unavailable = script.unavailable;
            (
                delay,
                if unavailable {
                    None
                } else {
                    script.take_fault(operation)
                },
                unavailable,
            )
        };
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        let failed = |kind, message: &str| Err(EngineError::new(kind, operation.as_str(), subject, message));
        match fault {
            _ if unavailable => failed(EngineErrorKind::Unavailable, "the fake engine answers nothing"),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Fail(kind)) => failed(kind, "the test wants it so"),
            Some(Fault::LoseAnswer(kind)) if plugin.is_none() => failed(kind, "the test wants it so"),
            Some(Fault::LoseAnswer(kind)) => {
                guard.lost = Some(kind);
                Ok(guard)
            }
            None => Ok(guard),
        }
    }

    fn plugin_of(&self, id: &ContainerId) -> Option<PluginId> {
        self.world()
            .containers
            .get(id)
            .map(|container| container.observed.plugin.clone())
    }
}

fn image_id(image: &ImageRef) -> ImageId {
    ImageId::new(format!("sha256:{image}"))
}

fn missing(operation: FakeOperation, id: &ContainerId) -> EngineError {
    EngineError::new(
        EngineErrorKind::NotFound,
        operation.as_str(),
        id.to_string(),
        "there is no such container",
    )
}
