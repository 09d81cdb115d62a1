//! The engine over the API of Docker.

mod build;
mod build_limits;
mod by_parts;
mod client;
mod container;
mod convert;
mod cover;
mod device;
mod dialect;
mod elf;
mod error;
mod identity;
mod image;
pub(crate) mod isolation;
mod layers;
mod listening;
mod log_lines;
mod named_user;
mod network;
mod program_fault;
mod pull;
mod resource;
mod stats;
mod stream;
pub(crate) mod subnet;
mod volume;
mod volume_copy;

use std::{env, fmt, net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use hap_manifest::{ImageRef, PluginId};
use tokio::sync::Mutex;

use self::{
    client::Client,
    isolation::cgroup::LimitsInForce,
    subnet::{FreeSubnets, SubnetPool},
};
use super::{
    Engine, EngineCapabilities, HostEndpoints, ImageId,
    build::BuildContext,
    diagnostics::EngineDiagnostics,
    error::{EngineError, EngineErrorKind},
    info::EngineInfo,
    instance::InstanceName,
    isolation::{IsolationLoss, IsolationSigns},
    observed::{ContainerId, Observed},
    program_fault::ProgramFault,
    progress::ProgressSink,
    resource::{Resource, ResourceKind},
    spec::{ContainerSpec, NetworkMode, ResourceLimits},
    stream::{EngineEvent, EngineStream, LogLine, LogOptions, StatsSample},
    volume_copy::{VolumeCopy, VolumeUsage},
};

/// Longest wait for a measurement that clears away what it made.
const CLEARED_WITHIN: Duration = Duration::from_secs(5);

/// Where Docker listens unless told otherwise.
const DEFAULT_URI: &str = "unix:///var/run/docker.sock";

/// Runs plugins in Docker containers.
///
/// Each instance gets two bridge networks with inter-container communication off, one of them
/// without a way out. Containers drop all capabilities, gain no privileges, see their image
/// read-only, and are held to the limits of their spec. A container, volume or network without the
/// labels of a supervisor is never touched.
///
/// Docker filters what a container sends *through* the host, not what it sends *to* it: an isolated
/// plugin reaches every port that the host listens on at the gateway of its network or at all
/// addresses, and one with network access reaches the host's other addresses too. Bind other
/// services to loopback, or filter the host's input from the plugins' subnets. An isolated plugin
/// resolves no names.
///
/// Whenever anybody makes a network, Docker takes its rules between networks away and puts them
/// back. In those milliseconds a plugin with network access can open a connection to an isolated
/// one; it carries nothing afterwards.
///
/// Cloning is cheap; clones share one client.
///
/// The client library logs whole requests, environment and secrets included, at level `debug` under
/// the target `bollard`: keep that target at `info` in what is logged.
///
/// ```no_run
/// use hap_host::engine::{DockerEngine, Engine, InstanceName};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = DockerEngine::connect().await?;
/// println!("{}", engine.info().await?);
/// let platform = engine.prepare(&InstanceName::default()).await?;
/// println!("plugins find this host at {}", platform.isolated_gateway);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DockerEngine {
    client: Client,
    pool: SubnetPool,
    /// One at a time within this process: two at once would each make a network and then
    /// remove one of them.
    preparing: Arc<Mutex<()>>,
    /// One at a time within this process: the containers of another would be taken for left over.
    measuring: Arc<Mutex<()>>,
}

impl DockerEngine {
    /// Connects to the engine that `DOCKER_HOST` names, else to the usual socket.
    ///
    /// # Errors
    /// [`EngineErrorKind::Unavailable`] when no engine answers there, with what to do about it;
    /// [`EngineErrorKind::Unsupported`] for an address of another kind than `unix://`, `tcp://`
    /// and `http://`, for a Docker engine before 20.10, and for Podman, whose networks do not
    /// keep plugins apart.
    pub async fn connect() -> Result<Self, EngineError> {
        let uri = env::var("DOCKER_HOST").ok().filter(|uri| !uri.is_empty());
        let uri = uri.unwrap_or_else(|| DEFAULT_URI.to_owned());
        if uri.starts_with("tcp://") && env::var("DOCKER_TLS_VERIFY").is_ok_and(|verify| !verify.is_empty()) {
            return Err(EngineError::new(
                EngineErrorKind::Unsupported,
                "connect",
                uri,
                "DOCKER_TLS_VERIFY asks for TLS, which this engine does not speak: reach Docker through a Unix \
                 socket or a tunnel",
            ));
        }
        Self::connect_to(&uri).await
    }

    /// Connects to the engine at `uri`, such as `unix:///var/run/docker.sock` or
    /// `tcp://127.0.0.1:2375`. Port 2375 is meant where `tcp://` names none.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    pub async fn connect_to(uri: &str) -> Result<Self, EngineError> {
        let client = Client::new(uri)?;
        let engine = Self {
            client,
            pool: SubnetPool::default(),
            preparing: Arc::default(),
            measuring: Arc::default(),
        };
        identity::check(&engine.client).await?;
        Ok(engine)
    }

    /// Takes the subnets of new networks from another pool. Networks that exist keep theirs.
    #[must_use]
    pub fn with_subnet_pool(mut self, pool: SubnetPool) -> Self {
        self.pool = pool;
        self
    }

    /// Measures from which networks of an instance a container does not reach a port of this host, on which the caller
    /// listens at all addresses: those whose plugins could post no events, because a firewall is in the way.
    ///
    /// `endpoints` is what [`prepare`](Engine::prepare) returned. It leaves nothing behind, also when the future is dropped.
    ///
    /// # Errors
    /// When the engine does not run its containers within 30 s, or fails.
    pub async fn measure_way_in(
        &self,
        instance: &InstanceName,
        endpoints: &HostEndpoints,
        port: u16,
    ) -> Result<Vec<NetworkMode>, EngineError> {
        let turn = Arc::clone(&self.measuring).lock_owned().await;
        Box::pin(isolation::machine::cut_off(
            &self.client,
            instance,
            endpoints,
            port,
            turn,
        ))
        .await
    }

    /// Measures which limits of a container the kernel holds it to: one of the engine's own is started with limits, on the
    /// networks that [`prepare`](Engine::prepare) made, and its control groups are read.
    ///
    /// It leaves nothing behind, also when the future is dropped.
    ///
    /// # Errors
    /// When the engine does not run its container within 30 s, or fails.
    pub async fn measure_limits(&self, instance: &InstanceName) -> Result<LimitsInForce, EngineError> {
        let turn = Arc::clone(&self.measuring).lock_owned().await;
        Box::pin(isolation::machine::limits(&self.client, instance, turn)).await
    }

    /// Counts the subnets of the pool that new networks can have, and names what takes the others.
    ///
    /// # Errors
    /// When the engine does not list its networks, or this machine's routes cannot be read.
    pub async fn free_subnets(&self) -> Result<FreeSubnets, EngineError> {
        network::create::free_subnets(&self.client, self.pool).await
    }

    /// Where this engine is reached.
    #[must_use]
    pub fn uri(&self) -> &str {
        self.client.uri()
    }
}

impl fmt::Debug for DockerEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerEngine")
            .field("uri", &self.uri())
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Engine for DockerEngine {
    fn capabilities(&self) -> EngineCapabilities {
        EngineCapabilities::new("docker", true, true)
    }

    async fn info(&self) -> Result<EngineInfo, EngineError> {
        identity::info(&self.client).await
    }

    async fn prepare(&self, instance: &InstanceName) -> Result<HostEndpoints, EngineError> {
        let _one_at_a_time = self.preparing.lock().await;
        network::prepare::prepare(&self.client, self.pool, instance).await
    }

    async fn teardown(&self, instance: &InstanceName) -> Result<(), EngineError> {
        let _one_at_a_time = self.preparing.lock().await;
        // A measurement that was dropped is clearing away what it made. One of another instance may go on for longer.
        let _turn = tokio::time::timeout(CLEARED_WITHIN, self.measuring.lock()).await;
        isolation::clear(&self.client, instance).await?;
        network::remove::teardown(&self.client, instance).await
    }

    async fn image(&self, image: &ImageRef) -> Result<ImageId, EngineError> {
        image::inspect(&self.client, image).await
    }

    async fn pull(&self, image: &ImageRef, progress: ProgressSink) -> Result<ImageId, EngineError> {
        pull::pull(&self.client, image, &progress).await
    }

    async fn build(
        &self,
        context: &BuildContext,
        tag: &ImageRef,
        progress: ProgressSink,
    ) -> Result<ImageId, EngineError> {
        build::build(&self.client, context, tag, &progress).await
    }

    async fn image_volumes(&self, image: &ImageId) -> Result<Vec<String>, EngineError> {
        let told = image::told(&self.client, image.as_str()).await?;
        Ok(told.volumes)
    }

    async fn image_user(&self, image: &ImageId) -> Result<Option<String>, EngineError> {
        let told = image::told(&self.client, image.as_str()).await?;
        Ok(Some(told.user).filter(|user| !user.is_empty()))
    }

    async fn create(&self, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
        Box::pin(container::create(&self.client, spec)).await
    }

    async fn create_checked(&self, spec: &ContainerSpec) -> Result<Observed, EngineError> {
        Box::pin(container::create_checked(&self.client, spec)).await
    }

    async fn start(&self, id: &ContainerId) -> Result<(), EngineError> {
        container::start(&self.client, id).await
    }

    async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<(), EngineError> {
        container::stop(&self.client, id, grace).await
    }

    async fn kill(&self, id: &ContainerId) -> Result<(), EngineError> {
        container::kill(&self.client, id).await
    }

    async fn remove(&self, id: &ContainerId) -> Result<(), EngineError> {
        container::remove(&self.client, id).await
    }

    async fn remove_volumes(&self, instance: &InstanceName, plugin: &PluginId) -> Result<(), EngineError> {
        volume::remove_all(&self.client, instance, plugin).await
    }

    async fn remove_some_volumes(
        &self,
        instance: &InstanceName,
        plugin: &PluginId,
        names: &[String],
    ) -> Result<(), EngineError> {
        volume::remove_some(&self.client, instance, plugin, names).await
    }

    async fn copy_volumes(&self, copy: &VolumeCopy) -> Result<(), EngineError> {
        volume_copy::copy(&self.client, copy).await
    }

    async fn missing_volumes(
        &self,
        instance: &InstanceName,
        plugin: &PluginId,
        names: &[String],
    ) -> Result<Vec<String>, EngineError> {
        volume::missing(&self.client, instance, plugin, names).await
    }

    async fn volume_usage(
        &self,
        instance: &InstanceName,
        plugin: &PluginId,
        names: &[String],
    ) -> Result<VolumeUsage, EngineError> {
        volume_copy::usage::usage(&self.client, instance, plugin, names).await
    }

    async fn set_limits(
        &self,
        id: &ContainerId,
        limits: &ResourceLimits,
        outlives_host: bool,
    ) -> Result<(), EngineError> {
        container::set_limits(&self.client, id, limits, outlives_host).await
    }

    async fn inspect(&self, id: &ContainerId) -> Result<Observed, EngineError> {
        container::inspect(&self.client, id).await
    }

    async fn list(&self, instance: &InstanceName) -> Result<Vec<Observed>, EngineError> {
        container::list(&self.client, instance, None).await
    }

    async fn find(&self, instance: &InstanceName, plugin: &PluginId) -> Result<Vec<Observed>, EngineError> {
        container::list(&self.client, instance, Some(plugin)).await
    }

    async fn list_resources(
        &self,
        instance: &InstanceName,
        kind: ResourceKind,
    ) -> Result<Vec<Resource>, EngineError> {
        resource::list(&self.client, instance, kind).await
    }

    async fn remove_resource(
        &self,
        instance: &InstanceName,
        resource: &Resource,
    ) -> Result<u64, EngineError> {
        // Between making a network and finding it again, it is one that nobody needs.
        let _no_preparing = self.preparing.lock().await;
        resource::remove_resource(&self.client, instance, resource).await
    }

    fn events(&self, instance: &InstanceName) -> EngineStream<EngineEvent> {
        stream::events(&self.client, instance)
    }

    fn logs(&self, id: &ContainerId, options: &LogOptions) -> EngineStream<LogLine> {
        stream::logs(&self.client, id, options)
    }

    async fn stats(&self, id: &ContainerId) -> Result<StatsSample, EngineError> {
        stats::sample(&self.client, id).await
    }

    async fn isolation_signs(&self, instance: &InstanceName) -> Result<IsolationSigns, EngineError> {
        isolation::signs::look(&self.client, instance).await
    }

    async fn measure_isolation(&self, instance: &InstanceName) -> Result<Option<IsolationLoss>, EngineError> {
        let turn = Arc::clone(&self.measuring).lock_owned().await;
        Box::pin(isolation::measure(&self.client, instance, turn)).await
    }

    fn diagnostics(&self) -> Option<&dyn EngineDiagnostics> {
        Some(self)
    }
}

#[async_trait]
impl EngineDiagnostics for DockerEngine {
    async fn listening(&self, id: &ContainerId) -> Result<Option<Vec<SocketAddr>>, EngineError> {
        listening::of(&self.client, id).await
    }

    async fn program_fault(&self, id: &ContainerId) -> Result<Option<ProgramFault>, EngineError> {
        program_fault::fault(&self.client, id).await
    }
}
