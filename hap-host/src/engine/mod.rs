//! The seam between the supervisor and whatever runs containers.
//!
//! [`Engine`] is object safe, because the engine is chosen at run time. Only types of this module
//! cross it: no type of an engine's client library does, so that library can change without
//! breaking an embedder.

pub(crate) mod build;
#[cfg(feature = "testing")]
mod contract;
pub(crate) mod deadline;
pub(crate) mod diagnostics;
#[cfg(feature = "docker")]
mod docker;
pub(crate) mod endpoints;
pub(crate) mod error;
#[cfg(feature = "testing")]
pub(crate) mod fake;
mod ignore;
pub(crate) mod info;
pub(crate) mod instance;
pub(crate) mod into_engine;
pub(crate) mod isolation;
pub mod labels;
pub(crate) mod listing;
pub(crate) mod naming;
pub(crate) mod observed;
pub(crate) mod own_lack;
mod pack;
mod process;
pub(crate) mod program_fault;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod resource;
pub(crate) mod seal;
pub(crate) mod spec;
pub(crate) mod stream;
#[cfg(feature = "testing")]
pub(crate) mod testing;
pub(crate) mod text;
pub(crate) mod user_numbers;
pub(crate) mod volume_copy;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use hap_manifest::ImageRef;

#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub use self::contract::{ContractViolation, EngineContract};
#[cfg(feature = "docker")]
#[cfg_attr(docsrs, doc(cfg(feature = "docker")))]
pub use self::docker::{
    DockerEngine,
    isolation::cgroup::LimitsInForce,
    subnet::{FreeSubnets, SubnetPool},
};
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub use self::fake::{
    FakeEngine,
    faults::{FakeCall, FakeOperation},
    run::{FakeEnd, FakeRun},
    state::FakeImage,
};
#[cfg(feature = "testing")]
pub use self::testing::{EngineTesting, SimulatedHealth};
pub use self::{
    build::BuildContext,
    diagnostics::EngineDiagnostics,
    endpoints::HostEndpoints,
    error::{EngineError, EngineErrorKind},
    info::EngineInfo,
    instance::InstanceName,
    into_engine::IntoEngine,
    isolation::{IsolationLoss, IsolationSigns},
    observed::{ContainerId, ContainerStatus, EngineRestarts, Exit, Observed, ObservedLimits},
    process::ProcessEngine,
    program_fault::ProgramFault,
    progress::{Progress, ProgressSink, ProgressStream, Stage},
    resource::{Resource, ResourceKind},
    seal::SealKey,
    spec::{
        ContainerSpec, DeviceAccess, EnvVar, LogRotation, NetworkMode, ResourceLimits, TmpfsMount,
        VolumeMount,
    },
    stream::{EngineEvent, EngineEventKind, EngineStream, LogLine, LogOptions, LogSource, StatsSample},
    volume_copy::{VolumeCopy, VolumeUsage},
};

/// Runs containers for one or more supervisors.
///
/// Implementations are stateless towards the supervisor: what exists is always asked, never
/// remembered. Every method that changes something is idempotent as its text says, so that an
/// operation repeated after a crash of the host does no harm. No method may touch a container,
/// network or volume that does not carry the labels of [`ContainerSpec`] for the given instance.
///
/// # Deadlines
/// The supervisor puts a deadline around each call and drops the future when it passes; an
/// implementation must stay correct when dropped at any await.
///
/// # Compatibility
/// A method added later has a default that says what an engine without it does, so an
/// implementation stays valid. That is no breaking change.
///
/// `EngineContract`, with the feature `testing`, checks an implementation.
#[async_trait]
pub trait Engine: fmt::Debug + Send + Sync + 'static {
    /// What this engine is and what it gives.
    fn capabilities(&self) -> EngineCapabilities;

    /// Asks the engine what it is: the cheapest proof that it answers.
    async fn info(&self) -> Result<EngineInfo, EngineError>;

    /// Makes the networks of an instance if they do not exist, and says where the host is
    /// found from inside.
    ///
    /// It also proves, within seconds, that these networks are on this machine and in this process's
    /// own network, so that the host and its plugins reach each other; what it proves goes into the
    /// answer, and [`HostEndpoints::covers`] tells. Without that proof it fails, with what to do: the
    /// address of a container of another machine is somebody else's here, and what is sent to it
    /// carries keys.
    ///
    /// Each gateway needs its subnet too, by [`HostEndpoints::with_subnet`], unless it is loopback:
    /// what comes to a gateway from an address outside of it is not heard, so that plugins would post
    /// their events in vain.
    async fn prepare(&self, instance: &InstanceName) -> Result<HostEndpoints, EngineError>;

    /// Removes the instance's networks. Fine when they are gone already; a network still in
    /// use is left alone.
    async fn teardown(&self, instance: &InstanceName) -> Result<(), EngineError>;

    /// Looks up a local image and returns what pins it, without contacting a registry.
    /// [`EngineErrorKind::NotFound`] when it is not there, or when the reference names a registry
    /// that the engine does not have it from: anybody can give an image such a name.
    async fn image(&self, image: &ImageRef) -> Result<ImageId, EngineError>;

    /// Pulls an image from its registry.
    ///
    /// The future may run for minutes; dropping it gives up the pull.
    async fn pull(&self, image: &ImageRef, progress: ProgressSink) -> Result<ImageId, EngineError>;

    /// Builds an image from what [`BuildContext::pack`] gives, within the limits of the context, and
    /// tags it. Dropping the future gives up the build.
    async fn build(
        &self,
        context: &BuildContext,
        tag: &ImageRef,
        progress: ProgressSink,
    ) -> Result<ImageId, EngineError>;

    /// The paths at which an image declares volumes. None, the default, where the engine has no
    /// images.
    async fn image_volumes(&self, _image: &ImageId) -> Result<Vec<String>, EngineError> {
        Ok(Vec::new())
    }

    /// The user that an image names for its program, as `user[:group]`; `None`, the default, where it
    /// names none or the engine has no images.
    async fn image_user(&self, _image: &ImageId) -> Result<Option<String>, EngineError> {
        Ok(None)
    }

    /// Creates a container, and its volumes where they do not exist, without starting it.
    ///
    /// [`EngineErrorKind::Conflict`] when a container of that name exists: the caller
    /// inspects and decides.
    async fn create(&self, spec: &ContainerSpec) -> Result<ContainerId, EngineError>;

    /// Creates a container as [`create`](Self::create) does, and looks at it once.
    ///
    /// What the engine granted is compared with what was asked for. An engine may drop what it does
    /// not know, so a container that lacks a wall is removed, and the error names the wall:
    /// [`EngineErrorKind::Unsupported`]. The default looks and compares nothing.
    async fn create_checked(&self, spec: &ContainerSpec) -> Result<Observed, EngineError> {
        let id = self.create(spec).await?;
        self.inspect(&id).await
    }

    /// Starts a container. Fine when it runs already.
    async fn start(&self, id: &ContainerId) -> Result<(), EngineError>;

    /// Asks a container to stop, and kills it after `grace`. Returns when it is down. Fine when it
    /// is down or gone already.
    async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<(), EngineError>;

    /// Kills a container at once. Fine when it is down or gone already.
    async fn kill(&self, id: &ContainerId) -> Result<(), EngineError>;

    /// Removes a container, running or not. Its named volumes stay. Fine when it is gone already.
    async fn remove(&self, id: &ContainerId) -> Result<(), EngineError>;

    /// Removes every volume of one plugin of an instance. Fine when there is none.
    async fn remove_volumes(
        &self,
        instance: &InstanceName,
        plugin: &hap_manifest::PluginId,
    ) -> Result<(), EngineError>;

    /// Removes these volumes of one plugin of an instance, and no other. Fine when they are gone
    /// already; [`EngineErrorKind::Conflict`] while a container has one.
    ///
    /// [`EngineErrorKind::Unsupported`], the default, where volumes are not
    /// [copied](Self::copy_volumes).
    async fn remove_some_volumes(
        &self,
        _instance: &InstanceName,
        plugin: &hap_manifest::PluginId,
        _names: &[String],
    ) -> Result<(), EngineError> {
        Err(unsupported("remove volumes", plugin.as_str()))
    }

    /// Makes copies of a plugin's volumes: each target is made anew, and holds afterwards what its
    /// source held, owners and modes included. A source that does not exist counts as empty.
    /// Nothing may run that writes to either.
    ///
    /// It is repeated from its start after a call that was dropped or failed.
    /// [`EngineErrorKind::Conflict`] while a container has a target, or a volume of that name is
    /// somebody else's.
    ///
    /// [`EngineErrorKind::Unsupported`], the default, where the engine cannot: then updates go
    /// without a snapshot.
    async fn copy_volumes(&self, copy: &VolumeCopy) -> Result<(), EngineError> {
        Err(unsupported("copy volumes", copy.plugin.as_str()))
    }

    /// Returns which of these volumes of one plugin do not exist.
    ///
    /// [`EngineErrorKind::Unsupported`], the default, where that cannot be told.
    async fn missing_volumes(
        &self,
        _instance: &InstanceName,
        plugin: &hap_manifest::PluginId,
        _names: &[String],
    ) -> Result<Vec<String>, EngineError> {
        Err(unsupported("find volumes", plugin.as_str()))
    }

    /// Measures what these volumes of one plugin take on the disk, also while it runs. Those that do
    /// not exist take nothing. The default can tell nothing.
    async fn volume_usage(
        &self,
        _instance: &InstanceName,
        _plugin: &hap_manifest::PluginId,
        _names: &[String],
    ) -> Result<VolumeUsage, EngineError> {
        Ok(VolumeUsage::default())
    }

    /// Changes the limits of memory, CPU and processes of a container in place, and whether the engine
    /// starts it again by itself, as [`ContainerSpec::outlives_host`] says, whether it runs or not. Fine
    /// when it has them already. What cannot be changed in place, such as a memory limit
    /// below what is in use, is an error, and the caller makes the container anew.
    ///
    /// [`EngineErrorKind::Unsupported`], the default, where the engine cannot.
    async fn set_limits(
        &self,
        id: &ContainerId,
        _limits: &ResourceLimits,
        _outlives_host: bool,
    ) -> Result<(), EngineError> {
        Err(unsupported("set limits", id.as_str()))
    }

    /// Looks at one container. [`EngineErrorKind::NotFound`] when it is gone.
    async fn inspect(&self, id: &ContainerId) -> Result<Observed, EngineError>;

    /// All containers of an instance, running or not.
    async fn list(&self, instance: &InstanceName) -> Result<Vec<Observed>, EngineError>;

    /// All containers of one plugin of an instance, running or not. One at most, unless
    /// somebody copied labels.
    async fn find(
        &self,
        instance: &InstanceName,
        plugin: &hap_manifest::PluginId,
    ) -> Result<Vec<Observed>, EngineError> {
        let mut all = self.list(instance).await?;
        all.retain(|observed| observed.plugin == *plugin);
        Ok(all)
    }

    /// All that the engine keeps of one kind for an instance, but the networks that
    /// [`prepare`](Self::prepare) hands out. What does not carry every label of its kind is
    /// left out. The default knows the containers of [`list`](Self::list), of unknown age,
    /// and nothing else.
    async fn list_resources(
        &self,
        instance: &InstanceName,
        kind: ResourceKind,
    ) -> Result<Vec<Resource>, EngineError> {
        if kind != ResourceKind::Container {
            return Ok(Vec::new());
        }
        let listed = self.list(instance).await?.into_iter();
        let resource = |observed: Observed| Resource {
            plugin: Some(observed.plugin),
            ..Resource::new(kind, observed.id.as_str(), observed.id.to_string())
        };
        Ok(listed.map(resource).collect())
    }

    /// Removes one of the [`list_resources`](Self::list_resources), running or not, after a look at
    /// whose it is, and answers how many bytes of the disk that freed, as far as the engine tells.
    /// Fine when it is gone already.
    ///
    /// [`EngineErrorKind::Rejected`] for what is not the instance's, [`EngineErrorKind::Conflict`]
    /// while something uses it, [`EngineErrorKind::Unsupported`] for a volume on every engine,
    /// because data goes by [`remove_volumes`](Self::remove_volumes) alone. The default removes
    /// containers only.
    async fn remove_resource(
        &self,
        instance: &InstanceName,
        resource: &Resource,
    ) -> Result<u64, EngineError> {
        if resource.kind != ResourceKind::Container {
            return Err(cannot_remove(resource));
        }
        let id = ContainerId::new(resource.id.as_str());
        let is_listed = self
            .list(instance)
            .await?
            .iter()
            .any(|observed| observed.id == id);
        if !is_listed {
            return match self.inspect(&id).await {
                Err(error) if error.kind() == EngineErrorKind::NotFound => Ok(0),
                Err(error) => Err(error),
                Ok(_) => Err(not_of_instance(instance, resource)),
            };
        }
        self.remove(&id).await.map(|()| 0)
    }

    /// What containers of an instance go through, from now on. The stream ends or errs when
    /// the connection is lost; the caller subscribes again and lists, because events in
    /// between are lost.
    fn events(&self, instance: &InstanceName) -> EngineStream<EngineEvent>;

    /// Output of a container.
    fn logs(&self, id: &ContainerId, options: &LogOptions) -> EngineStream<LogLine>;

    /// One sample of a container's resource use.
    async fn stats(&self, id: &ContainerId) -> Result<StatsSample, EngineError>;

    /// Returns what the engine and its machine report about the isolation of an instance's plugins.
    /// It is asked often, so it has to be cheap. The default reports nothing.
    async fn isolation_signs(&self, _instance: &InstanceName) -> Result<IsolationSigns, EngineError> {
        Ok(IsolationSigns::default())
    }

    /// Measures whether plugins of an instance reach each other: containers of the engine's own
    /// try it on the networks that [`prepare`](Self::prepare) made. `None` when none reaches another.
    ///
    /// It leaves nothing behind, also when the future is dropped. It may take some seconds.
    /// [`EngineErrorKind::Unsupported`], the default, where the engine cannot.
    async fn measure_isolation(&self, instance: &InstanceName) -> Result<Option<IsolationLoss>, EngineError> {
        Err(unsupported("measure isolation", instance.as_str()))
    }

    /// Returns what the engine can find out about a plugin that failed. `None`, the default, where
    /// that is nothing.
    fn diagnostics(&self) -> Option<&dyn EngineDiagnostics> {
        None
    }

    /// Returns what a test's engine says in place of its plugins. `None`, the default, lets the
    /// supervisor ask the plugins themselves.
    #[cfg(feature = "testing")]
    fn testing(&self) -> Option<&dyn EngineTesting> {
        None
    }
}

fn unsupported(operation: &'static str, subject: &str) -> EngineError {
    let message = "this engine cannot do that";
    EngineError::new(EngineErrorKind::Unsupported, operation, subject, message)
}

/// The refusal of [`Engine::remove_resource`] for a kind that an engine does not remove by it.
pub(crate) fn cannot_remove(resource: &Resource) -> EngineError {
    let message = format!("this engine does not remove a {} in this way", resource.kind);
    EngineError::new(
        EngineErrorKind::Unsupported,
        "remove resource",
        &resource.name,
        message,
    )
}

/// The refusal of [`Engine::remove_resource`] for what belongs to somebody else.
pub(crate) fn not_of_instance(instance: &InstanceName, resource: &Resource) -> EngineError {
    let message = format!(
        "the {} does not carry the labels of instance {instance}, so it is somebody else's and left alone",
        resource.kind
    );
    EngineError::new(
        EngineErrorKind::Rejected,
        "remove resource",
        &resource.name,
        message,
    )
}

/// What an [`Engine`] gives, so that a host can say plainly what it does not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineCapabilities {
    /// Name for people, such as `docker`.
    pub name: &'static str,
    /// Plugins are kept apart from the host's files, processes and network.
    pub isolation: bool,
    /// Memory, CPU and process limits are enforced.
    pub limits: bool,
}

impl EngineCapabilities {
    /// Describes an engine.
    #[must_use]
    pub const fn new(name: &'static str, isolation: bool, limits: bool) -> Self {
        Self {
            name,
            isolation,
            limits,
        }
    }
}

/// The engine's own id of an image: content-addressed, so it pins what runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageId(String);

impl ImageId {
    /// Wraps an id as the engine prints it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as the engine prints it, `sha256:...` on Docker.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
