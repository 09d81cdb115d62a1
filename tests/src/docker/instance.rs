use std::{collections::HashMap, fmt, thread};

use bollard::{
    Docker,
    errors::Error,
    query_parameters::{
        ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
        RemoveContainerOptionsBuilder, RemoveVolumeOptions,
    },
};
use hap_host::engine::{ContainerSpec, DockerEngine, Engine, InstanceName, ResourceLimits, labels};
use hap_manifest::{ImageRef, PluginId};
use tokio::net::{TcpListener, UnixStream};
use uuid::Uuid;

use super::{OWNER, fixture};

/// A supervisor's name that nobody else uses. Dropping it removes every container, network and volume of that name,
/// also when the test panics.
pub struct Instance {
    name: InstanceName,
    engine: DockerEngine,
    /// Keeps the images of fixtures while any instance of this process lives.
    _images: fixture::Lease,
}

impl Instance {
    /// Takes a new name on the engine of this machine.
    ///
    /// # Panics
    /// When there is no engine.
    pub async fn new() -> Option<Self> {
        Self::on(super::engine().await?)
    }

    /// Takes a new name on an engine.
    #[must_use]
    pub fn on(engine: DockerEngine) -> Option<Self> {
        // The front of the id is the time, which is the same for tests that begin together.
        let id = Uuid::now_v7().simple().to_string();
        let name = InstanceName::new(&format!("t-{}", id.get(20..)?)).ok()?;
        Some(Self {
            name,
            _images: fixture::Lease::take(&engine),
            engine,
        })
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &InstanceName {
        &self.name
    }

    /// The engine.
    #[must_use]
    pub const fn engine(&self) -> &DockerEngine {
        &self.engine
    }

    /// The engine as its clients hold it.
    #[must_use]
    pub fn dyn_engine(&self) -> std::sync::Arc<dyn Engine> {
        std::sync::Arc::new(self.engine.clone())
    }

    /// An address at which the engine seems to be on another machine, so that it copies volumes itself.
    ///
    /// # Panics
    /// When the engine has no socket here, or no port is free.
    #[expect(clippy::expect_used, reason = "a test cannot go on without its engine")]
    pub async fn far_away(&self) -> String {
        let path = self.engine.uri().strip_prefix("unix://");
        let path = path.expect("the engine has a socket").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let path = path.clone();
                tokio::spawn(async move {
                    let mut far = UnixStream::connect(path).await?;
                    tokio::io::copy_bidirectional(&mut near, &mut far).await
                });
            }
        });
        format!("tcp://{address}")
    }

    /// A spec of a plugin of this instance on port 8000 with 64 MiB, one core and 64 processes.
    ///
    /// # Panics
    /// When `plugin` is no id of a plugin.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a wrong id is a mistake in the test")]
    pub fn spec(&self, plugin: &str, image: &ImageRef) -> ContainerSpec {
        let id = PluginId::new(plugin).expect("the test names a valid plugin id");
        let name = format!("hap-{}-{plugin}", self.name);
        let limits = ResourceLimits::new(64 << 20, 1_000_000_000, 64);
        ContainerSpec::new(name, id, self.name.clone(), image.to_string(), limits, 8000)
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instance({})", self.name)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let (name, uri) = (self.name.to_string(), self.engine.uri().to_owned());
        // The test's own runtime may be the one that is unwinding, so the work has a thread and a runtime of its own.
        let swept = thread::spawn(move || on_own_runtime(sweep(&uri, &name))).join();
        #[expect(
            clippy::print_stderr,
            reason = "there is no other way to tell from a destructor"
        )]
        if !matches!(swept, Ok(Ok(()))) {
            eprintln!("leftovers of {} may remain: {swept:?}", self.name);
        }
    }
}

/// Runs a future to its end on a thread that has no runtime.
pub(super) fn on_own_runtime(work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// Removes what carries the labels of one instance, and nothing else. Containers first: they hold the rest.
async fn sweep(uri: &str, name: &str) -> Result<(), Error> {
    let docker = Docker::connect_with_host(uri)?;
    let owned = [labels::INSTANCE, labels::PROBE_INSTANCE, OWNER]
        .map(|label| HashMap::from([("label", vec![format!("{label}={name}")])]));
    for filters in &owned {
        let containers = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(filters)
            .build();
        for container in docker.list_containers(Some(containers)).await? {
            let forced = RemoveContainerOptionsBuilder::default()
                .force(true)
                .v(true)
                .build();
            let id = container.id.unwrap_or_default();
            gone_is_fine(docker.remove_container(&id, Some(forced)).await)?;
        }
    }
    for filters in &owned {
        let networks = ListNetworksOptionsBuilder::default().filters(filters).build();
        for network in docker.list_networks(Some(networks)).await? {
            gone_is_fine(docker.remove_network(&network.id.unwrap_or_default()).await)?;
        }
        let volumes = ListVolumesOptionsBuilder::default().filters(filters).build();
        let volumes = docker.list_volumes(Some(volumes)).await?.volumes;
        for volume in volumes.unwrap_or_default() {
            let removed = docker.remove_volume(&volume.name, None::<RemoveVolumeOptions>);
            gone_is_fine(removed.await)?;
        }
    }
    Ok(())
}

/// A supervisor that a test left behind may be removing the same things.
pub(super) fn gone_is_fine(removed: Result<(), Error>) -> Result<(), Error> {
    match removed {
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
        removed => removed,
    }
}
