//! A stateful engine without containers, with scripted faults, for tests.

mod control;
pub(crate) mod faults;
mod in_flight;
mod output;
mod resource;
pub(crate) mod run;
pub(crate) mod state;
#[cfg(test)]
mod tests;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use hap_manifest::{ImageRef, PluginId};
use tokio::sync::broadcast;

use self::{
    faults::{FakeCall, FakeOperation, Fault},
    in_flight::InFlight,
    run::FakeEnd,
    state::{FakeImage, World},
};
use super::{
    Engine, EngineCapabilities, ImageId, Platform, SimulatedHealth,
    build::BuildContext,
    error::{EngineError, EngineErrorKind},
    info::EngineInfo,
    instance::InstanceName,
    observed::{ContainerId, Exit, Observed},
    progress::{Progress, ProgressSink, Stage},
    resource::{Holding, HoldingKind},
    spec::{ContainerSpec, ResourceLimits},
    stream::{EngineEvent, EngineEventKind, EngineStream, LogLine, LogOptions, StatsSample},
    volume_copy::VolumeCopy,
};

/// An engine that only pretends: containers are entries in a table, plugins answer what the test says.
///
/// Clones share one world, so a test keeps a clone to crash plugins, break operations and look at what happened.
/// Everything is at once unless [`set_delay`](Self::set_delay) says otherwise.
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

    /// Where a plugin's API is from its next start on, so that a test can serve a real one. Default: nobody listens there.
    pub fn set_address(&self, plugin: &PluginId, address: SocketAddr) {
        self.world().addresses.insert(plugin.clone(), address);
    }

    /// What a plugin's container was made from, secrets included; `None` without a container.
    #[must_use]
    pub fn spec(&self, plugin: &PluginId) -> Option<ContainerSpec> {
        let world = self.world();
        let mut containers = world.containers.values();
        let container = containers.find(|container| container.spec.plugin == *plugin)?;
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

    /// Lets a plugin end by itself, in whatever instance it runs. Nothing happens when it does not run.
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

    /// Lets each coming run of a container that was made from an image end at once; `None` ends that. For a version of a
    /// plugin that does not work.
    pub fn crash_image_at_start(&self, image: &ImageRef, exit: Option<Exit>) {
        let (mut world, image) = (self.world(), image_id(image).as_str().to_owned());
        match exit {
            Some(exit) => world.image_crashes.insert(image, exit),
            None => world.image_crashes.remove(&image),
        };
    }

    /// Removes a plugin's container behind the supervisor's back.
    pub fn remove_by_hand(&self, plugin: &PluginId) {
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

    /// Plugins on which two operations that change something were under way at once. A supervisor leaves this empty.
    #[must_use]
    pub fn overlaps(&self) -> Vec<PluginId> {
        self.world().script.overlaps.clone()
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

#[async_trait]
impl Engine for FakeEngine {
    fn capabilities(&self) -> EngineCapabilities {
        EngineCapabilities::new("fake", true, true)
    }

    async fn info(&self) -> Result<EngineInfo, EngineError> {
        self.enter(FakeOperation::Info, "engine", None).await?;
        Ok(EngineInfo::new("fake", "fake"))
    }

    async fn prepare(&self, instance: &InstanceName) -> Result<Platform, EngineError> {
        self.enter(FakeOperation::Prepare, instance.as_str(), None)
            .await?;
        let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
        let moved = self.world().platform.clone();
        Ok(moved.unwrap_or_else(|| Platform::new(loopback, loopback)))
    }

    async fn teardown(&self, instance: &InstanceName) -> Result<(), EngineError> {
        self.enter(FakeOperation::Teardown, instance.as_str(), None)
            .await
            .map(drop)
    }

    async fn image(&self, image: &ImageRef) -> Result<ImageId, EngineError> {
        self.enter(FakeOperation::Image, image.as_str(), None).await?;
        match self.world().images.get(image.as_str()) {
            None | Some(FakeImage::Present) => Ok(image_id(image)),
            Some(_) => {
                let message = "it is not on this machine";
                Err(EngineError::new(
                    EngineErrorKind::NotFound,
                    "image",
                    image.as_str(),
                    message,
                ))
            }
        }
    }

    async fn pull(&self, image: &ImageRef, progress: ProgressSink) -> Result<ImageId, EngineError> {
        progress.report(Progress::Stage(Stage::Pulling));
        progress.report(Progress::Bytes { done: 0, total: 100 });
        self.enter(FakeOperation::Pull, image.as_str(), None).await?;
        progress.report(Progress::Bytes {
            done: 100,
            total: 100,
        });
        let mut world = self.world();
        let state = world
            .images
            .entry(image.as_str().to_owned())
            .or_insert(FakeImage::Present);
        let refused = |kind, message| Err(EngineError::new(kind, "pull", image.as_str(), message));
        match state {
            FakeImage::Denied => refused(EngineErrorKind::Denied, "the registry refuses this caller"),
            FakeImage::Missing => refused(EngineErrorKind::NotFound, "the registry has no such image"),
            FakeImage::Present | FakeImage::Pullable => {
                *state = FakeImage::Present;
                Ok(image_id(image))
            }
        }
    }

    async fn build(
        &self,
        context: &BuildContext,
        tag: &ImageRef,
        progress: ProgressSink,
    ) -> Result<ImageId, EngineError> {
        progress.report(Progress::Stage(Stage::Sending));
        progress.report(Progress::Bytes {
            done: 100,
            total: 100,
        });
        progress.report(Progress::Stage(Stage::Building));
        self.enter(FakeOperation::Build, tag.as_str(), None).await?;
        progress.report(Progress::Step(format!("built {tag}")));
        let mut world = self.world();
        world.images.insert(tag.as_str().to_owned(), FakeImage::Present);
        let id = image_id(tag);
        world.note_built(id.as_str(), tag, context.labels());
        Ok(id)
    }

    async fn create(&self, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
        let guard = self
            .enter(FakeOperation::Create, &spec.name, Some(&spec.plugin))
            .await?;
        let id = self.world().create(spec)?;
        guard.answer(FakeOperation::Create, &spec.name, id)
    }

    async fn start(&self, id: &ContainerId) -> Result<(), EngineError> {
        let guard = self
            .enter(FakeOperation::Start, id.as_str(), self.plugin_of(id).as_ref())
            .await?;
        let started = self
            .world()
            .start(id)
            .ok_or_else(|| missing(FakeOperation::Start, id))?;
        if started {
            self.tell(id, EngineEventKind::Started);
            let crash = self.world().crash_of(id);
            if let Some(exit) = crash {
                self.end(id, exit.clone(), &FakeEnd::Itself(exit));
            }
        }
        guard.answer(FakeOperation::Start, id.as_str(), ())
    }

    async fn stop(&self, id: &ContainerId, _grace: Duration) -> Result<(), EngineError> {
        let guard = self
            .enter(FakeOperation::Stop, id.as_str(), self.plugin_of(id).as_ref())
            .await?;
        self.end(id, Exit::code(143), &FakeEnd::Stopped);
        guard.answer(FakeOperation::Stop, id.as_str(), ())
    }

    async fn kill(&self, id: &ContainerId) -> Result<(), EngineError> {
        let guard = self
            .enter(FakeOperation::Kill, id.as_str(), self.plugin_of(id).as_ref())
            .await?;
        self.end(id, Exit::code(137), &FakeEnd::Stopped);
        guard.answer(FakeOperation::Kill, id.as_str(), ())
    }

    async fn remove(&self, id: &ContainerId) -> Result<(), EngineError> {
        let guard = self
            .enter(FakeOperation::Remove, id.as_str(), self.plugin_of(id).as_ref())
            .await?;
        self.forget(id);
        guard.answer(FakeOperation::Remove, id.as_str(), ())
    }

    async fn remove_volumes(&self, instance: &InstanceName, plugin: &PluginId) -> Result<(), EngineError> {
        let guard = self
            .enter(FakeOperation::RemoveVolumes, plugin.as_str(), Some(plugin))
            .await?;
        self.world()
            .volumes
            .retain(|_, volume| volume.instance != *instance || volume.plugin != *plugin);
        guard.answer(FakeOperation::RemoveVolumes, plugin.as_str(), ())
    }

    async fn remove_some_volumes(
        &self,
        instance: &InstanceName,
        plugin: &PluginId,
        names: &[String],
    ) -> Result<(), EngineError> {
        let guard = self
            .enter(FakeOperation::RemoveVolumes, plugin.as_str(), None)
            .await?;
        for name in names {
            self.world().remove_volume(instance, plugin, name)?;
        }
        guard.answer(FakeOperation::RemoveVolumes, plugin.as_str(), ())
    }

    async fn copy_volumes(&self, copy: &VolumeCopy) -> Result<(), EngineError> {
        let subject = copy.plugin.as_str();
        let guard = self
            .enter(FakeOperation::CopyVolumes, subject, Some(&copy.plugin))
            .await?;
        self.world().copy_volumes(copy)?;
        guard.answer(FakeOperation::CopyVolumes, subject, ())
    }

    async fn set_limits(&self, id: &ContainerId, limits: &ResourceLimits) -> Result<(), EngineError> {
        let guard = self
            .enter(FakeOperation::SetLimits, id.as_str(), self.plugin_of(id).as_ref())
            .await?;
        if !self.world().set_limits(id, limits) {
            return Err(missing(FakeOperation::SetLimits, id));
        }
        guard.answer(FakeOperation::SetLimits, id.as_str(), ())
    }

    async fn inspect(&self, id: &ContainerId) -> Result<Observed, EngineError> {
        self.enter(FakeOperation::Inspect, id.as_str(), None).await?;
        let world = self.world();
        let container = world
            .containers
            .get(id)
            .ok_or_else(|| missing(FakeOperation::Inspect, id))?;
        Ok(container.observed.clone())
    }

    async fn list(&self, instance: &InstanceName) -> Result<Vec<Observed>, EngineError> {
        self.enter(FakeOperation::List, instance.as_str(), None).await?;
        let world = self.world();
        let ours = world
            .containers
            .values()
            .filter(|container| container.spec.instance == *instance);
        Ok(ours.map(|container| container.observed.clone()).collect())
    }

    async fn holdings(
        &self,
        instance: &InstanceName,
        kind: HoldingKind,
    ) -> Result<Vec<Holding>, EngineError> {
        self.enter(FakeOperation::Holdings, kind.as_str(), None).await?;
        Ok(self.world().holdings(instance, kind))
    }

    async fn discard(&self, instance: &InstanceName, holding: &Holding) -> Result<u64, EngineError> {
        let plugin = holding
            .plugin
            .as_ref()
            .filter(|_| holding.kind == HoldingKind::Container);
        let guard = self.enter(FakeOperation::Discard, &holding.name, plugin).await?;
        let freed = self.throw_away(instance, holding)?;
        guard.answer(FakeOperation::Discard, &holding.name, freed)
    }

    fn events(&self, instance: &InstanceName) -> EngineStream<EngineEvent> {
        let source = (self.events.subscribe(), instance.clone());
        stream::unfold(source, |(mut receiver, instance)| async move {
            loop {
                match receiver.recv().await {
                    Ok(Told::Event(of, event)) if of == instance => {
                        return Some((Ok(event), (receiver, instance)));
                    }
                    Ok(Told::Event(..)) => {}
                    Ok(Told::Cut) => {
                        let message = "the connection broke";
                        let kind = EngineErrorKind::Unavailable;
                        let error = EngineError::new(kind, "events", instance.as_str(), message);
                        return Some((Err(error), (receiver, instance)));
                    }
                    Err(broadcast::error::RecvError::Lagged(missed)) => {
                        let message = format!("{missed} events were lost");
                        let error =
                            EngineError::new(EngineErrorKind::Failed, "events", instance.as_str(), message);
                        return Some((Err(error), (receiver, instance)));
                    }
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        })
        .boxed()
    }

    fn logs(&self, id: &ContainerId, options: &LogOptions) -> EngineStream<LogLine> {
        self.output(id, options)
    }

    async fn stats(&self, id: &ContainerId) -> Result<StatsSample, EngineError> {
        self.enter(FakeOperation::Stats, id.as_str(), None).await?;
        if self.plugin_of(id).is_none() {
            return Err(missing(FakeOperation::Stats, id));
        }
        Ok(StatsSample::default())
    }

    fn simulated_health(&self, plugin: &PluginId) -> Option<SimulatedHealth> {
        let world = self.world();
        if world.is_paused(plugin) {
            return Some(SimulatedHealth::Failing("it is paused".to_owned()));
        }
        if world.is_cut_off(plugin) {
            return Some(SimulatedHealth::Failing("it is on no network".to_owned()));
        }
        let told = world.health.get(plugin).cloned();
        Some(told.unwrap_or(SimulatedHealth::Healthy))
    }
}
