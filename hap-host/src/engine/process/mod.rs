//! The engine that runs plugins as local processes: no isolation, no limits.

mod create;
mod error;
mod events;
mod folder;
mod follow;
mod identity;
mod inspect;
mod journal;
mod launch;
mod lines;
mod reader;
mod record;
mod resource;
mod secrets;
mod shared;
mod spool;
mod stats;
mod stop;
#[cfg(test)]
mod tests;
mod watch;
mod writers;

use std::{fmt, net::Ipv4Addr, path::Path, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::try_join_all;
use hap_manifest::{ImageRef, PluginId};

use self::{error::blocking, events::News, folder::StateFolder, shared::Shared, watch::Watcher};
use super::{
    Engine, EngineCapabilities, HostEndpoints, ImageId,
    build::BuildContext,
    error::{EngineError, EngineErrorKind},
    info::EngineInfo,
    instance::InstanceName,
    observed::{ContainerId, Observed},
    progress::ProgressSink,
    resource::{Resource, ResourceKind},
    spec::ContainerSpec,
    stream::{EngineEvent, EngineStream, LogLine, LogOptions, StatsSample},
};

/// Runs plugins as local processes, for authors, tests and machines without a container engine.
///
/// There is **no isolation and there are no limits**: a plugin can do whatever the host's user
/// can. Linux only.
///
/// # What stands for what
/// * There are no images: the program comes from
///   [`InstallRequest::process_program`](crate::supervisor::install::InstallRequest::process_program), and
///   [`image`](Engine::image) finds every reference, so that a plugin can be installed. `pull` and
///   `build` are unsupported.
/// * A container is a record in the state folder and a process group. Its environment is the spec's
///   and `PATH`; its working folder is its own. `PORT` is not the manifest's `api_port`, which
///   several plugins may share, but a loopback port that was free; [`Observed::address`] names it.
/// * A volume is a folder. `HAP_DATA_DIR` names the folder of the volume that is
///   mounted at its path.
/// * Memory file systems, users, networks and read-only roots are ignored.
///
/// # Life of a process
/// Processes outlive a host that is killed, and the next value over the folder adopts them; two
/// values see the same containers at any time. How an adopted process ends, nobody is told: its
/// exit code is then -1. A service manager that kills a host together with its whole control
/// group takes the processes with it. When the first process of a container ends, the rest of its
/// group is killed.
///
/// Values of secret variables are never on disk, so a container that another host created cannot
/// be started again: [`start`](Engine::start) then says [`EngineErrorKind::NotFound`], and it has
/// to be made anew.
///
/// # Output
/// A process writes to two files, since a pipe would end with the host. Every value that lives
/// moves their lines to the rotated log a few times a second, so times of lines are up to 200 ms
/// late, and lines of standard output and error that come close together may change places. While
/// no host lives, output is not limited.
///
/// Cloning is cheap; clones share one value.
///
/// ```no_run
/// use hap_host::engine::{Engine, ProcessEngine};
///
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = ProcessEngine::new("/var/lib/home/plugins")?;
/// assert!(!engine.capabilities().isolation);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ProcessEngine {
    shared: Arc<Shared>,
    watcher: Arc<Watcher>,
}

impl ProcessEngine {
    /// Opens an engine over `state_folder`, which is made if it does not exist and is then open to
    /// this user only.
    ///
    /// Logs one warning that plugins are not isolated.
    ///
    /// # Errors
    /// [`EngineErrorKind::Failed`] when the folder cannot be made or read;
    /// [`EngineErrorKind::Unsupported`] on a system without `/proc`.
    pub fn new(state_folder: impl Into<PathBuf>) -> Result<Self, EngineError> {
        let path = state_folder.into();
        identity::check_system().map_err(|error| {
            EngineError::new(
                EngineErrorKind::Unsupported,
                "open",
                "/proc",
                format!("local processes are followed through /proc of Linux: {error}"),
            )
            .with_source(error)
        })?;
        let io = |error| error::file("open", &path, error);
        let folder = StateFolder::open(&path).map_err(io)?;
        let news = News::new(&folder.all().map_err(io)?);
        tracing::warn!(
            folder = %folder.root().display(),
            "plugins run as local processes, without isolation and without limits"
        );
        Ok(Self {
            shared: Arc::new(Shared::new(folder, news)),
            watcher: Arc::default(),
        })
    }

    /// Where the state lies.
    #[must_use]
    pub fn state_folder(&self) -> &Path {
        self.shared.folder.root()
    }

    fn shared(&self) -> &Arc<Shared> {
        self.watcher.ensure(&self.shared);
        &self.shared
    }
}

impl fmt::Debug for ProcessEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessEngine")
            .field("state_folder", &self.state_folder())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Engine for ProcessEngine {
    fn capabilities(&self) -> EngineCapabilities {
        EngineCapabilities::new("process", false, false)
    }

    async fn info(&self) -> Result<EngineInfo, EngineError> {
        Ok(EngineInfo::new("process", env!("CARGO_PKG_VERSION")))
    }

    async fn prepare(&self, _instance: &InstanceName) -> Result<HostEndpoints, EngineError> {
        let path = self.shared().folder.root().to_owned();
        // It may have been removed by hand.
        blocking("prepare", move || {
            StateFolder::open(&path).map_err(|error| error::file("prepare", &path, error))
        })
        .await?;
        let host = Ipv4Addr::LOCALHOST.into();
        Ok(HostEndpoints::new(host, host))
    }

    async fn teardown(&self, _instance: &InstanceName) -> Result<(), EngineError> {
        Ok(())
    }

    async fn image(&self, image: &ImageRef) -> Result<ImageId, EngineError> {
        Ok(ImageId::new(image.as_str()))
    }

    async fn pull(&self, image: &ImageRef, _progress: ProgressSink) -> Result<ImageId, EngineError> {
        Err(unsupported("pull", image))
    }

    async fn build(
        &self,
        _context: &BuildContext,
        tag: &ImageRef,
        _progress: ProgressSink,
    ) -> Result<ImageId, EngineError> {
        Err(unsupported("build", tag))
    }

    async fn create(&self, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
        create::create(self.shared(), spec).await
    }

    async fn start(&self, id: &ContainerId) -> Result<(), EngineError> {
        launch::start(self.shared(), id).await
    }

    async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<(), EngineError> {
        stop::stop(self.shared(), id, grace).await
    }

    async fn kill(&self, id: &ContainerId) -> Result<(), EngineError> {
        stop::kill(self.shared(), id).await
    }

    async fn remove(&self, id: &ContainerId) -> Result<(), EngineError> {
        stop::remove(self.shared(), id).await
    }

    async fn remove_volumes(&self, instance: &InstanceName, plugin: &PluginId) -> Result<(), EngineError> {
        create::remove_volumes(self.shared(), instance, plugin).await
    }

    async fn inspect(&self, id: &ContainerId) -> Result<Observed, EngineError> {
        let sight = inspect::at(self.shared(), "inspect", id).await?;
        sight
            .map(|sight| sight.observed)
            .ok_or_else(|| error::gone("inspect", id))
    }

    async fn list(&self, instance: &InstanceName) -> Result<Vec<Observed>, EngineError> {
        let (folder, wanted) = (self.shared().folder.clone(), instance.clone());
        let mut records = blocking("list", move || {
            folder
                .all()
                .map_err(|error| error::file("list", folder.root(), error))
        })
        .await?;
        records.retain(|record| record.belongs_to(&wanted));
        let ids: Vec<ContainerId> = records.iter().map(record::Record::container).collect();
        let looks = ids.iter().map(|id| inspect::at(&self.shared, "list", id));
        let found = try_join_all(looks).await?;
        Ok(found.into_iter().flatten().map(|sight| sight.observed).collect())
    }

    async fn list_resources(
        &self,
        instance: &InstanceName,
        kind: ResourceKind,
    ) -> Result<Vec<Resource>, EngineError> {
        resource::list(self.shared(), instance, kind).await
    }

    fn events(&self, instance: &InstanceName) -> EngineStream<EngineEvent> {
        self.shared().news.subscribe(instance)
    }

    fn logs(&self, id: &ContainerId, options: &LogOptions) -> EngineStream<LogLine> {
        follow::logs(self.shared(), id, options)
    }

    async fn stats(&self, id: &ContainerId) -> Result<StatsSample, EngineError> {
        stats::sample(self.shared(), id).await
    }
}

fn unsupported(operation: &'static str, image: &ImageRef) -> EngineError {
    EngineError::new(
        EngineErrorKind::Unsupported,
        operation,
        image.as_str(),
        "there are no images where plugins run as local processes: the application names a \
         program when it installs the plugin (`process_program`)",
    )
}
