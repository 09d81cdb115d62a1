//! An engine with somebody between it and the supervisor, who sees each call come and go.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use hap_host::engine::{
    BuildContext, ContainerId, ContainerSpec, Engine, EngineCapabilities, EngineDiagnostics, EngineError,
    EngineEvent, EngineInfo, EngineStream, HostEndpoints, ImageId, InstanceName, LogLine, LogOptions,
    Observed, ProgramFault, ProgressSink, Resource, ResourceKind, StatsSample,
};
use hap_manifest::{ImageRef, PluginId};

/// Sees the calls of an engine.
#[async_trait]
pub trait Between: fmt::Debug + Send + Sync + 'static {
    /// A call is about to go to the engine. An error goes back in its place.
    ///
    /// # Errors
    /// Whatever the supervisor shall see instead.
    async fn come(&self, operation: &'static str) -> Result<(), EngineError>;

    /// The engine has answered. An error goes on in place of the answer.
    ///
    /// # Errors
    /// Whatever the supervisor shall see instead.
    async fn go(&self, operation: &'static str) -> Result<(), EngineError>;

    /// Where programs in containers are said to listen. Default: the engine is asked.
    fn listening(&self) -> Option<Vec<SocketAddr>> {
        None
    }
}

/// The engine behind.
#[derive(Debug, Clone)]
pub struct Watched<B> {
    engine: Arc<dyn Engine>,
    between: Arc<B>,
}

impl<B: Between> Watched<B> {
    /// Puts somebody before an engine.
    #[must_use]
    pub const fn new(engine: Arc<dyn Engine>, between: Arc<B>) -> Self {
        Self { engine, between }
    }

    async fn pass<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, EngineError>> + Send,
    ) -> Result<T, EngineError>
    where
        T: Send,
    {
        self.between.come(operation).await?;
        let answer = call.await;
        self.between.go(operation).await?;
        answer
    }
}

#[async_trait]
impl<B: Between> Engine for Watched<B> {
    fn capabilities(&self) -> EngineCapabilities {
        self.engine.capabilities()
    }

    async fn info(&self) -> Result<EngineInfo, EngineError> {
        self.pass("info", self.engine.info()).await
    }

    async fn prepare(&self, instance: &InstanceName) -> Result<HostEndpoints, EngineError> {
        self.pass("prepare", self.engine.prepare(instance)).await
    }

    async fn teardown(&self, instance: &InstanceName) -> Result<(), EngineError> {
        self.pass("teardown", self.engine.teardown(instance)).await
    }

    async fn image(&self, image: &ImageRef) -> Result<ImageId, EngineError> {
        self.pass("image", self.engine.image(image)).await
    }

    async fn pull(&self, image: &ImageRef, progress: ProgressSink) -> Result<ImageId, EngineError> {
        self.pass("pull", self.engine.pull(image, progress)).await
    }

    async fn image_volumes(&self, image: &ImageId) -> Result<Vec<String>, EngineError> {
        self.pass("image volumes", self.engine.image_volumes(image)).await
    }

    async fn build(
        &self,
        context: &BuildContext,
        tag: &ImageRef,
        progress: ProgressSink,
    ) -> Result<ImageId, EngineError> {
        self.pass("build", self.engine.build(context, tag, progress))
            .await
    }

    async fn create(&self, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
        self.pass("create", self.engine.create(spec)).await
    }

    async fn start(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.pass("start", self.engine.start(id)).await
    }

    async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<(), EngineError> {
        self.pass("stop", self.engine.stop(id, grace)).await
    }

    async fn kill(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.pass("kill", self.engine.kill(id)).await
    }

    async fn remove(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.pass("remove", self.engine.remove(id)).await
    }

    async fn remove_volumes(&self, instance: &InstanceName, plugin: &PluginId) -> Result<(), EngineError> {
        self.pass("remove volumes", self.engine.remove_volumes(instance, plugin))
            .await
    }

    async fn inspect(&self, id: &ContainerId) -> Result<Observed, EngineError> {
        self.pass("inspect", self.engine.inspect(id)).await
    }

    async fn list_resources(
        &self,
        instance: &InstanceName,
        kind: ResourceKind,
    ) -> Result<Vec<Resource>, EngineError> {
        self.pass("resources", self.engine.list_resources(instance, kind))
            .await
    }

    async fn remove_resource(
        &self,
        instance: &InstanceName,
        resource: &Resource,
    ) -> Result<u64, EngineError> {
        self.pass("discard", self.engine.remove_resource(instance, resource))
            .await
    }

    async fn list(&self, instance: &InstanceName) -> Result<Vec<Observed>, EngineError> {
        self.pass("list", self.engine.list(instance)).await
    }

    async fn find(&self, instance: &InstanceName, plugin: &PluginId) -> Result<Vec<Observed>, EngineError> {
        self.pass("find", self.engine.find(instance, plugin)).await
    }

    fn events(&self, instance: &InstanceName) -> EngineStream<EngineEvent> {
        self.engine.events(instance)
    }

    fn logs(&self, id: &ContainerId, options: &LogOptions) -> EngineStream<LogLine> {
        self.engine.logs(id, options)
    }

    async fn stats(&self, id: &ContainerId) -> Result<StatsSample, EngineError> {
        self.pass("stats", self.engine.stats(id)).await
    }

    fn diagnostics(&self) -> Option<&dyn EngineDiagnostics> {
        Some(self)
    }
}

#[async_trait]
impl<B: Between> EngineDiagnostics for Watched<B> {
    async fn listening(&self, id: &ContainerId) -> Result<Option<Vec<SocketAddr>>, EngineError> {
        if let Some(told) = self.between.listening() {
            return Ok(Some(told));
        }
        match self.engine.diagnostics() {
            Some(behind) => self.pass("listening", behind.listening(id)).await,
            None => Ok(None),
        }
    }

    async fn program_fault(&self, id: &ContainerId) -> Result<Option<ProgramFault>, EngineError> {
        match self.engine.diagnostics() {
            Some(behind) => self.pass("program fault", behind.program_fault(id)).await,
            None => Ok(None),
        }
    }
}
