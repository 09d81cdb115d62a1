//! The calls of the supervisor to the pretended engine.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use hap_manifest::{ImageRef, PluginId};
use tokio::sync::broadcast;

use super::{FakeEngine, Told, faults::FakeOperation, image_id, missing, run::FakeEnd, state::FakeImage};
use crate::engine::{
    Engine, EngineCapabilities, HostEndpoints, ImageId,
    build::BuildContext,
    error::{EngineError, EngineErrorKind},
    info::EngineInfo,
    instance::InstanceName,
    isolation::{IsolationLoss, IsolationSigns},
    observed::{ContainerId, Exit, Observed},
    progress::{Progress, ProgressSink, Stage},
    resource::{Resource, ResourceKind},
    spec::{ContainerSpec, ResourceLimits},
    stream::{EngineEvent, EngineEventKind, EngineStream, LogLine, LogOptions, StatsSample},
    testing::{EngineTesting, SimulatedHealth},
    volume_copy::{VolumeCopy, VolumeUsage},
};

#[async_trait]
impl Engine for FakeEngine {
    fn capabilities(&self) -> EngineCapabilities {
        EngineCapabilities::new("fake", true, true)
    }

    async fn info(&self) -> Result<EngineInfo, EngineError> {
        self.enter(FakeOperation::Info, "engine", None).await?;
        let mut info = EngineInfo::new("fake", "fake");
        info.runtimes = Some(vec!["fake".to_owned()]);
        Ok(info)
    }

    async fn prepare(&self, instance: &InstanceName) -> Result<HostEndpoints, EngineError> {
        self.enter(FakeOperation::Prepare, instance.as_str(), None)
            .await?;
        let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
        let moved = self.world().platform.clone();
        Ok(moved.unwrap_or_else(|| HostEndpoints::new(loopback, loopback)))
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

    async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<(), EngineError> {
        let guard = self
            .enter(FakeOperation::Stop, id.as_str(), self.plugin_of(id).as_ref())
            .await?;
        let plugin = self.plugin_of(id);
        let stubborn = plugin.is_some_and(|plugin| self.world().stubborn.contains(&plugin));
        if stubborn {
            tokio::time::sleep(grace).await;
        }
        let code = if stubborn { 137 } else { 143 };
        self.end(id, Exit::code(code), &FakeEnd::Stopped);
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

    async fn missing_volumes(
        &self,
        instance: &InstanceName,
        _plugin: &PluginId,
        names: &[String],
    ) -> Result<Vec<String>, EngineError> {
        self.enter(FakeOperation::MissingVolumes, instance.as_str(), None)
            .await?;
        let world = self.world();
        let missing = names.iter().filter(|name| !world.volumes.contains_key(*name));
        Ok(missing.cloned().collect())
    }

    async fn volume_usage(
        &self,
        instance: &InstanceName,
        _plugin: &PluginId,
        names: &[String],
    ) -> Result<VolumeUsage, EngineError> {
        self.enter(FakeOperation::VolumeUsage, instance.as_str(), None)
            .await?;
        let world = self.world();
        let volumes = names.iter().filter_map(|name| world.volumes.get(name));
        let bytes = volumes.map(|volume| u64::try_from(volume.content.len()).unwrap_or(u64::MAX));
        Ok(VolumeUsage::new(Some(bytes.sum()), world.free_bytes))
    }

    async fn set_limits(
        &self,
        id: &ContainerId,
        limits: &ResourceLimits,
        outlives_host: bool,
    ) -> Result<(), EngineError> {
        let guard = self
            .enter(FakeOperation::SetLimits, id.as_str(), self.plugin_of(id).as_ref())
            .await?;
        if !self.world().set_limits(id, limits, outlives_host) {
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

    async fn list_resources(
        &self,
        instance: &InstanceName,
        kind: ResourceKind,
    ) -> Result<Vec<Resource>, EngineError> {
        self.enter(FakeOperation::ListResources, kind.as_str(), None)
            .await?;
        Ok(self.world().list_resources(instance, kind))
    }

    async fn remove_resource(
        &self,
        instance: &InstanceName,
        resource: &Resource,
    ) -> Result<u64, EngineError> {
        let plugin = resource
            .plugin
            .as_ref()
            .filter(|_| resource.kind == ResourceKind::Container);
        let guard = self
            .enter(FakeOperation::RemoveResource, &resource.name, plugin)
            .await?;
        let freed = self.throw_away(instance, resource)?;
        guard.answer(FakeOperation::RemoveResource, &resource.name, freed)
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

    async fn isolation_signs(&self, instance: &InstanceName) -> Result<IsolationSigns, EngineError> {
        self.enter(FakeOperation::IsolationSigns, instance.as_str(), None)
            .await?;
        Ok(self.world().isolation_signs.clone())
    }

    async fn measure_isolation(&self, instance: &InstanceName) -> Result<Option<IsolationLoss>, EngineError> {
        self.enter(FakeOperation::MeasureIsolation, instance.as_str(), None)
            .await?;
        Ok(self.world().isolation.clone())
    }

    async fn stats(&self, id: &ContainerId) -> Result<StatsSample, EngineError> {
        self.enter(FakeOperation::Stats, id.as_str(), None).await?;
        if self.plugin_of(id).is_none() {
            return Err(missing(FakeOperation::Stats, id));
        }
        Ok(StatsSample::default())
    }

    fn testing(&self) -> Option<&dyn EngineTesting> {
        Some(self)
    }
}

impl EngineTesting for FakeEngine {
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
