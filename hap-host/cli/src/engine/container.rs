use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use hap_conformance::target::{Environment, Exit, LaunchError, Launcher, Running};
use hap_host::engine::{
    ContainerId, ContainerSpec, ContainerStatus, DeviceAccess, DockerEngine, Engine as _, EngineError,
    EngineErrorKind, EnvVar, ImageId, LogOptions, NetworkMode, ResourceLimits, TmpfsMount, VolumeMount,
    labels,
};
use hap_manifest::{Manifest, env};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{connect::failure, own::Own};
use crate::failure::Failure;

/// Output that is kept, in bytes.
const MOST_OUTPUT: usize = 1 << 20;
/// Size of a memory file system that the manifest asks for, as a host gives it.
const TMPFS_BYTES: u64 = 64 << 20;
/// How long a plugin may take to stop before the engine kills it; what it is held to, the suite says.
const STOP: Duration = Duration::from_secs(120);
/// Pause between two looks at a container that is to end.
const LOOK: Duration = Duration::from_millis(20);
/// How long the last lines of a container that has ended may be on their way.
const LAST_LINES: Duration = Duration::from_secs(2);
/// How long finding out where it listens may take.
const DIAGNOSIS: Duration = Duration::from_secs(5);
/// The number of a user that only plugins have, as a host gives it, and one that is there where the engine maps users.
const NUMBER: u32 = 2_010_000_000;
const MAPPED_NUMBER: u32 = 20_000;

/// Starts the containers of a plugin under test, behind the walls that a host gives them.
#[derive(Debug)]
pub(crate) struct Containers {
    own: Own,
    image: ImageId,
    digest: String,
    name: String,
    manifest: Manifest,
    user: Option<String>,
    owns_volumes: bool,
    gateway: IpAddr,
    started: AtomicU32,
    /// The number of the volumes of each data folder that the suite names.
    data: Mutex<HashMap<PathBuf, u32>>,
    /// Held while a container is made: a host makes one at a time for a plugin, and so does an engine that fills volumes.
    making: Arc<tokio::sync::Mutex<()>>,
}

impl Containers {
    /// Makes the networks of the run. `digest` pins what is tested, `name` is what it is called in reports.
    pub(crate) async fn new(
        own: &Own,
        image: ImageId,
        manifest: &Manifest,
        (name, digest): (String, String),
    ) -> Result<Self, Failure> {
        let engine = own.engine().clone();
        let looked = engine.image_user(&image).await;
        let named = looked.map_err(|error| failure("the image cannot be looked at", &error))?;
        let of_image = named.filter(|user| !is_root(user));
        let own_number = manifest.user().is_none() && of_image.is_none();
        let user = if own_number {
            let info = engine.info().await;
            let info = info.map_err(|error| failure("the engine cannot be asked", &error))?;
            let number = if info.maps_users { MAPPED_NUMBER } else { NUMBER };
            Some(format!("{number}:{number}"))
        } else {
            manifest.user().map(str::to_owned)
        };
        let endpoints = own.prepare().await?;
        Ok(Self {
            own: own.clone(),
            image,
            digest,
            name,
            manifest: manifest.clone(),
            user,
            owns_volumes: own_number,
            gateway: endpoints.gateway(network(manifest)),
            started: AtomicU32::new(0),
            data: Mutex::default(),
            making: Arc::default(),
        })
    }

    fn spec(&self, environment: &Environment) -> ContainerSpec {
        let manifest = &self.manifest;
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let base = format!("hap.{}.{}", self.own.instance(), manifest.id());
        let mut spec = ContainerSpec::new(
            format!("{base}.{number}"),
            manifest.id().clone(),
            self.own.instance().clone(),
            self.image.to_string(),
            limits(manifest),
            environment.port,
        );
        spec.network = network(manifest);
        spec.user.clone_from(&self.user);
        spec.owns_volumes = self.owns_volumes;
        spec.writable_rootfs = manifest.writable_rootfs();
        spec.devices = manifest
            .devices()
            .iter()
            .map(|device| DeviceAccess::new(device.as_str().to_owned()))
            .collect();
        spec.capabilities = manifest
            .capabilities()
            .iter()
            .map(|capability| capability.as_str().to_owned())
            .collect();
        let asked = manifest.tmpfs().iter().filter(|path| path.as_str() != "/tmp");
        spec.tmpfs
            .extend(asked.map(|path| TmpfsMount::new(path.as_str().to_owned(), TMPFS_BYTES)));
        if let Some(folder) = &environment.data_dir {
            let data = self.number_of(folder);
            let paths = manifest.volumes().iter().enumerate();
            spec.volumes = paths
                .map(|(index, path)| VolumeMount::new(format!("{base}.{data}.{index}"), path.to_string()))
                .collect();
        }
        spec.env = variables(environment, manifest);
        for (label, value) in [
            (labels::SCHEMA, labels::SCHEMA_VERSION.to_owned()),
            (labels::INSTANCE, self.own.instance().to_string()),
            (labels::PLUGIN_ID, manifest.id().to_string()),
            (labels::PLUGIN_VERSION, manifest.version().to_string()),
            (labels::PLUGIN_PORT, environment.port.to_string()),
        ] {
            spec.labels.insert(label.to_owned(), value);
        }
        spec
    }

    /// The same folder has the same volumes.
    fn number_of(&self, folder: &Path) -> u32 {
        let mut data = self.data.lock().unwrap_or_else(PoisonError::into_inner);
        let next = u32::try_from(data.len()).unwrap_or(u32::MAX);
        *data.entry(folder.to_owned()).or_insert(next)
    }
}

#[async_trait]
impl Launcher for Containers {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn digest(&self) -> Option<String> {
        Some(self.digest.clone())
    }

    fn platform_address(&self) -> IpAddr {
        self.gateway
    }

    fn is_isolated(&self) -> bool {
        true
    }

    async fn start(&self, environment: &Environment) -> Result<Box<dyn Running>, LaunchError> {
        let spec = self.spec(environment);
        let engine = self.own.engine().clone();
        let port = environment.port;
        let making = Arc::clone(&self.making).lock_owned().await;
        let started = self.own.whole(async move {
            let id = engine.create_checked(&spec).await?.id;
            drop(making);
            engine.start(&id).await?;
            let observed = engine.inspect(&id).await?;
            Ok((id, observed.address))
        });
        let started = started.await.unwrap_or_else(|| Err(given_up("start")));
        let (id, address) = started.map_err(|error: EngineError| LaunchError::new(error.to_string()))?;
        let output = Output::default();
        let reader = tokio::spawn(output.clone().follow(self.own.engine().clone(), id.clone()));
        Ok(Box::new(Container {
            own: self.own.clone(),
            id: Some(id),
            // One that has ended already has no address.
            address: address.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            exit: None,
            output,
            reader,
        }))
    }
}

/// A container that was started.
#[derive(Debug)]
struct Container {
    own: Own,
    /// `None` once it is removed.
    id: Option<ContainerId>,
    address: SocketAddr,
    exit: Option<Exit>,
    output: Output,
    reader: JoinHandle<()>,
}

impl Container {
    /// How it ended; `None` while it runs.
    async fn look(&self) -> Option<Exit> {
        let Some(id) = &self.id else {
            return Some(Exit::Unknown);
        };
        let observed = match self.own.engine().inspect(id).await {
            Ok(observed) => observed,
            Err(error) if error.kind() == EngineErrorKind::NotFound => return Some(Exit::Unknown),
            // Asked again soon.
            Err(_) => return None,
        };
        if !matches!(observed.status, ContainerStatus::Exited | ContainerStatus::Dead) {
            return None;
        }
        let code = observed.exit.and_then(|exit| i32::try_from(exit.code).ok());
        Some(code.map_or(Exit::Unknown, Exit::Code))
    }

    fn remove(&mut self) -> Option<impl Future<Output = ()> + Send + 'static + use<>> {
        let id = self.id.take()?;
        let own = self.own.clone();
        Some(async move {
            let engine = own.engine().clone();
            // What could not be removed now is removed with the run.
            let _ = own.whole(async move { engine.remove(&id).await }).await;
        })
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.reader.abort();
        if let Some(removal) = self.remove() {
            drop(tokio::spawn(removal));
        }
    }
}

#[async_trait]
impl Running for Container {
    fn address(&self) -> SocketAddr {
        self.address
    }

    async fn listening(&self) -> Option<Vec<SocketAddr>> {
        let looked = self.own.engine().diagnostics()?.listening(self.id.as_ref()?);
        timeout(DIAGNOSIS, looked).await.ok()?.ok()?
    }

    async fn terminate(&self) -> Result<(), LaunchError> {
        let id = self
            .id
            .clone()
            .ok_or_else(|| LaunchError::new("it has ended already"))?;
        if self.exit.is_some() {
            return Err(LaunchError::new("it has ended already"));
        }
        // The engine answers when it is down, and the suite looks for itself.
        let engine = self.own.engine().clone();
        drop(tokio::spawn(async move { engine.stop(&id, STOP).await }));
        Ok(())
    }

    async fn kill(&mut self) {
        if let Some(removal) = self.remove() {
            removal.await;
        }
    }

    async fn ended(&mut self, within: Duration) -> Option<Exit> {
        let deadline = Instant::now() + within;
        while self.exit.is_none() {
            self.exit = self.look().await;
            if self.exit.is_some() {
                // What it wrote last is still on its way.
                let _ = timeout(LAST_LINES, &mut self.reader).await;
            } else if Instant::now() >= deadline {
                return None;
            } else {
                sleep(LOOK).await;
            }
        }
        self.exit
    }

    fn output(&self) -> String {
        String::from_utf8_lossy(&self.output.kept()).into_owned()
    }
}

/// The last of what a container wrote.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    async fn follow(self, engine: DockerEngine, id: ContainerId) {
        let mut lines = engine.logs(&id, &LogOptions::default().follow(true));
        while let Some(Ok(line)) = lines.next().await {
            let mut kept = self.kept();
            kept.extend_from_slice(line.text.as_bytes());
            if !line.partial {
                kept.push(b'\n');
            }
            let over = kept.len().saturating_sub(MOST_OUTPUT);
            kept.drain(..over);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Output").field(&self.kept().len()).finish()
    }
}

fn given_up(operation: &'static str) -> EngineError {
    EngineError::new(EngineErrorKind::Failed, operation, "the test", "it was given up")
}

/// The network that a manifest asks for.
fn network(manifest: &Manifest) -> NetworkMode {
    if manifest.network_access() {
        NetworkMode::Outbound
    } else {
        NetworkMode::Isolated
    }
}

/// What the manifest asks for, or what a host gives one that asks for nothing.
fn limits(manifest: &Manifest) -> ResourceLimits {
    ResourceLimits::new(
        manifest.memory_limit().map_or(256 << 20, |limit| limit.bytes()),
        manifest
            .cpu_limit()
            .map_or(1_000_000_000, |limit| limit.nano_cpus()),
        manifest.pids_limit().map_or(256, |limit| limit.get()),
    )
}

/// The variables of the suite, with the data folder as the container sees it.
fn variables(environment: &Environment, manifest: &Manifest) -> Vec<EnvVar> {
    let volumes = manifest.volumes();
    let data = volumes
        .iter()
        .find(|path| path.as_str() == "/data")
        .or_else(|| volumes.first());
    let variable = |(name, value): &(String, String)| match (name.as_str(), data) {
        (env::HAP_DATA_DIR, Some(path)) => EnvVar::plain(name, path.as_str()),
        (env::HAP_API_TOKEN | env::HAP_WEBHOOK_SECRET, _) => EnvVar::secret(name, value),
        _ => EnvVar::plain(name, value),
    };
    environment.variables.iter().map(variable).collect()
}

/// Whether an image means root. What it says was not checked by anybody.
fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default();
    name.is_empty() || name == "root" || name.trim_start_matches('0').is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_means_root_by_its_name_its_number_or_by_saying_nothing() {
        for root in ["", ":", "root", "0", "00", "0:0", "root:staff", ":1000"] {
            assert!(is_root(root), "{root:?}");
        }
        for other in ["1", "65534:65534", "app", "root2"] {
            assert!(!is_root(other), "{other:?}");
        }
    }

    #[test]
    fn output_is_kept_to_its_last_mebibyte_and_not_shown_by_debug() {
        let output = Output::default();
        output.kept().extend_from_slice(b"secret");
        assert_eq!(format!("{output:?}"), "Output(6)");
    }
}
