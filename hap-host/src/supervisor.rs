use std::{path::Path, sync::Arc, time::Duration};

use hap_manifest::{Manifest, PluginId};
use tokio::sync::{broadcast, mpsc};

use crate::{
    actor::{Actor, MAILBOX, Parts},
    admission::admit,
    builder::SupervisorBuilder,
    client::CallGate,
    config::ConfigDesk,
    dispatch::Hints,
    engine::{BuildContext, Engine, EngineCapabilities, EngineErrorKind, ImageId, ProgressSink},
    error::{Error, ErrorKind},
    event::{Event, EventKind, EventStream},
    folder,
    handle::{Cell, PluginHandle},
    inbox::{Inbox, Listener, PluginEvents, SubscribeOptions},
    keys::{KeyPair, PluginKeys, random},
    operate::within,
    options::{InstallOptions, Shutdown, deadline},
    registry::{Registry, Reservation},
    shared::Shared,
    state::Desired,
    store::PluginRecord,
};

/// Runs other people's plugins: installs, isolates, limits, starts, watches and heals them.
///
/// Cheap to clone; all clones are one supervisor. It remembers in its state folder what is wanted of each plugin,
/// before it does anything, so a host that was killed at any instant goes on where it was. Plugins that run when
/// it starts are adopted, not restarted.
///
/// When the last clone is dropped its tasks end and the plugins are left running, without supervision; nothing
/// blocks. [`shutdown`](Self::shutdown) is the orderly way.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # async fn run(state: &std::path::Path) -> Result<(), hap_host::Error> {
/// use hap_host::{InstallOptions, Shutdown, Supervisor, engine::FakeEngine};
///
/// let engine = FakeEngine::new();
/// let supervisor = Supervisor::builder(engine, state).start().await?;
/// assert!(supervisor.plugins().is_empty());
/// supervisor.shutdown(Shutdown::StopPlugins).await?;
/// # Ok(())
/// # }
/// # #[cfg(feature = "testing")]
/// # tokio::runtime::Runtime::new().unwrap().block_on(run(tempfile::tempdir().unwrap().path())).unwrap();
/// ```
#[derive(Clone)]
pub struct Supervisor(Arc<Inner>);

pub(crate) struct Inner {
    pub shared: Arc<Shared>,
    pub registry: Registry,
    pub inbox: Inbox,
    pub listener: Listener,
    pub hints: Hints,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.cancel.cancel();
    }
}

/// Longest wait for all plugins to stop at a shutdown, on top of the longest grace among them.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(30);
/// Time for requests of plugins that are under way at a shutdown.
const LISTENER_GRACE: Duration = Duration::from_secs(2);

impl Supervisor {
    /// Starts to describe a supervisor over an engine, with its state in a folder of its own.
    #[must_use = "nothing happens until `start`"]
    pub fn builder(engine: impl Engine, state_folder: impl Into<std::path::PathBuf>) -> SupervisorBuilder {
        SupervisorBuilder::new(Arc::new(engine), state_folder.into())
    }

    /// As [`builder`](Self::builder), with an engine that was chosen at run time.
    #[must_use = "nothing happens until `start`"]
    pub fn builder_over(
        engine: Arc<dyn Engine>,
        state_folder: impl Into<std::path::PathBuf>,
    ) -> SupervisorBuilder {
        SupervisorBuilder::new(engine, state_folder.into())
    }

    pub(crate) fn from_inner(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// What the engine gives: ask it whether plugins are isolated and limited.
    #[must_use]
    pub fn capabilities(&self) -> EngineCapabilities {
        self.0.shared.engine.capabilities()
    }

    /// Installs a plugin whose image is on this machine or can be pulled, without starting it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when the manifest asks for what this host does not give, [`ErrorKind::AlreadyInstalled`], [`ErrorKind::Busy`] while another call installs it, [`ErrorKind::Image`] when the
    /// image can neither be found nor pulled, [`ErrorKind::Engine`], [`ErrorKind::Store`], [`ErrorKind::ShuttingDown`]. After
    /// any of them nothing is installed.
    ///
    /// # Cancel safety
    /// When the future is dropped, the plugin is installed as a whole or not at all.
    pub async fn install(&self, manifest: Manifest) -> Result<PluginHandle, Error> {
        self.install_with(manifest, InstallOptions::default()).await
    }

    /// As [`install`](Self::install), with options.
    ///
    /// # Errors
    /// As [`install`](Self::install).
    ///
    /// # Cancel safety
    /// As [`install`](Self::install).
    pub async fn install_with(
        &self,
        manifest: Manifest,
        options: InstallOptions,
    ) -> Result<PluginHandle, Error> {
        admit(&manifest, &options)?;
        let reserved = self.reserve(manifest.id())?;
        let image = self.find_or_pull(&manifest, options.sink()).await?;
        self.enter(manifest, image, options, reserved).await
    }

    /// Installs a plugin from its folder: reads `manifest.json`, builds the image from the folder's Dockerfile and
    /// tags it as the manifest says. On an engine without images the program of the options stands for it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] with every problem of the manifest, [`ErrorKind::Image`] when the build fails; else as
    /// [`install`](Self::install).
    ///
    /// # Cancel safety
    /// As [`install`](Self::install).
    pub async fn install_folder(&self, path: impl AsRef<Path>) -> Result<PluginHandle, Error> {
        self.install_folder_with(path, InstallOptions::default()).await
    }

    /// As [`install_folder`](Self::install_folder), with options.
    ///
    /// # Errors
    /// As [`install_folder`](Self::install_folder).
    ///
    /// # Cancel safety
    /// As [`install`](Self::install).
    pub async fn install_folder_with(
        &self,
        path: impl AsRef<Path>,
        options: InstallOptions,
    ) -> Result<PluginHandle, Error> {
        let path = path.as_ref();
        let manifest = folder::read_manifest(path).await?;
        admit(&manifest, &options)?;
        let reserved = self.reserve(manifest.id())?;
        let image = if self.capabilities().isolation {
            let context = BuildContext::new(path, manifest.dockerfile());
            let build = self
                .0
                .shared
                .engine
                .build(&context, manifest.image(), options.sink());
            within(deadline::IMAGE, "build", manifest.image(), build)
                .await
                .map_err(|error| {
                    Error::new(ErrorKind::Image, "its image could not be built")
                        .with_source(error)
                        .with_plugin(manifest.id())
                })?
        } else {
            self.find_or_pull(&manifest, options.sink()).await?
        };
        self.enter(manifest, image, options, reserved).await
    }

    fn reserve(&self, id: &PluginId) -> Result<Reservation, Error> {
        if self.0.shared.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::ShuttingDown, "the supervisor shuts down").with_plugin(id));
        }
        self.0.registry.reserve(id)
    }

    async fn find_or_pull(&self, manifest: &Manifest, progress: ProgressSink) -> Result<ImageId, Error> {
        let (engine, image) = (&self.0.shared.engine, manifest.image());
        let failed = |error: crate::engine::EngineError| {
            let kind = match error.kind() {
                EngineErrorKind::Unavailable => ErrorKind::Engine,
                EngineErrorKind::Timeout => ErrorKind::Timeout,
                _ => ErrorKind::Image,
            };
            let message = format!("its image cannot be had: {error}");
            Error::new(kind, message)
                .with_source(error)
                .with_plugin(manifest.id())
        };
        match within(deadline::CONTROL, "image", image, engine.image(image)).await {
            Ok(id) => Ok(id),
            Err(error) if error.kind() == EngineErrorKind::NotFound => {
                within(deadline::IMAGE, "pull", image, engine.pull(image, progress))
                    .await
                    .map_err(failed)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Records the plugin and starts its actor, also when the caller goes away in between: a plugin that is on the
    /// disk and not in the registry would come to light only at the next start of the host.
    async fn enter(
        &self,
        manifest: Manifest,
        image: ImageId,
        options: InstallOptions,
        reserved: Reservation,
    ) -> Result<PluginHandle, Error> {
        let record = PluginRecord {
            manifest,
            desired: Desired::Stopped,
            config: None,
            keys: PluginKeys::new(KeyPair::generate()?),
            image_id: Some(image.as_str().to_owned()),
            program: options.program,
        };
        let this = self.clone();
        let entering = self.0.shared.tasks.spawn(async move {
            this.0.shared.store.put_plugin(&record).await?;
            let id = record.manifest.id().clone();
            let handle = this.0.adopt(record);
            drop(reserved);
            // Nobody listening is fine.
            let _ = this.0.shared.events.send(Event::now(id, EventKind::Installed));
            Ok(handle)
        });
        let ended = |_| Error::new(ErrorKind::ShuttingDown, "the supervisor shuts down");
        entering.await.map_err(ended)?
    }

    /// The plugin of that id, if it is installed.
    #[must_use]
    pub fn plugin(&self, id: &PluginId) -> Option<PluginHandle> {
        self.0.registry.get(id)
    }

    /// All installed plugins, by id.
    #[must_use]
    pub fn plugins(&self) -> Vec<PluginHandle> {
        self.0.registry.all()
    }

    /// What happens to plugins from now on.
    #[must_use]
    pub fn events(&self) -> EventStream {
        EventStream::new(self.0.shared.events.subscribe())
    }

    /// What plugins send: their events and status reports, durable before they were acknowledged.
    pub fn plugin_events(&self, options: SubscribeOptions) -> PluginEvents {
        self.0.inbox.subscribe(options)
    }

    /// The event listener's routes, to be mounted in a server of the embedder's too. They authenticate by
    /// themselves: each plugin signs with its own secret.
    pub fn events_router(&self) -> axum::Router {
        self.0.inbox.router()
    }

    /// The port on which plugins reach the platform.
    #[must_use]
    pub fn events_port(&self) -> u16 {
        self.0.shared.port
    }

    /// Ends the supervisor. Fine when it has ended already.
    ///
    /// With [`Shutdown::StopPlugins`] all plugins are stopped in parallel first; what is wanted of them stays as it
    /// is. Networks of the instance are removed when no plugin is installed.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] when a plugin was not down by the deadline (the longest grace among them and 30 s). The
    /// supervisor has ended all the same.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the supervisor half shut down; call it again.
    pub async fn shutdown(&self, how: Shutdown) -> Result<(), Error> {
        let shared = &self.0.shared;
        let mut late = Vec::new();
        if how == Shutdown::StopPlugins && !shared.cancel.is_cancelled() {
            let plugins = self.plugins();
            let graces = plugins
                .iter()
                .filter_map(|plugin| plugin.manifest().stop_timeout());
            let limit = SHUTDOWN_DEADLINE + graces.max().unwrap_or(Duration::from_secs(10));
            let stops = plugins.iter().map(|plugin| async move {
                match tokio::time::timeout(limit, plugin.halted()).await {
                    Ok(true) => None,
                    _ => Some(plugin.id().to_string()),
                }
            });
            late = futures_util::future::join_all(stops)
                .await
                .into_iter()
                .flatten()
                .collect();
        }
        // Plugins that were stopped have sent their last events by now; the listener goes after them.
        self.0.listener.shutdown(LISTENER_GRACE).await;
        shared.cancel.cancel();
        shared.tasks.close();
        let ended = tokio::time::timeout(SHUTDOWN_DEADLINE, shared.tasks.wait())
            .await
            .is_ok();
        if self.0.registry.all().is_empty() {
            let teardown = shared.engine.teardown(&shared.instance);
            if let Err(error) = within(deadline::CONTROL, "teardown", &shared.instance, teardown).await {
                tracing::warn!(error = %crate::error::report(&error), "the networks could not be removed");
            }
        }
        // Handles may live on; the folder is free for the next supervisor all the same.
        shared.store.close().await;
        if !late.is_empty() {
            let message = format!("not stopped in time: {}", late.join(", "));
            return Err(Error::new(ErrorKind::Timeout, message));
        }
        if !ended {
            return Err(Error::new(
                ErrorKind::Timeout,
                "the supervisor's tasks did not end in time",
            ));
        }
        Ok(())
    }
}

impl Inner {
    /// Starts the actor of a recorded plugin and enters its handle.
    pub(crate) fn adopt(&self, record: PluginRecord) -> PluginHandle {
        let id = record.manifest.id().clone();
        self.shared.credentials.set(&id, &record.keys);
        let (mailbox, requests) = mpsc::channel(MAILBOX);
        let config = Arc::new(ConfigDesk::new(&record.manifest, record.config.clone()));
        let manifest = record.manifest.clone();
        let parts = Parts {
            record,
            config: Arc::clone(&config),
            mailbox: requests,
            hints: self.hints.subscribe(&id),
            // Jitter only: without randomness all plugins share one rhythm, and nothing else is lost.
            seed: random::<8>().map_or(1, u64::from_le_bytes),
        };
        let (mut actor, snapshot) = Actor::new(Arc::clone(&self.shared), parts);
        let shared = Arc::clone(&self.shared);
        let handle = PluginHandle::new(Cell {
            manifest,
            mailbox,
            snapshot,
            config,
            gate: CallGate::new(shared.parallel_calls),
            shared,
        });
        self.registry.insert(handle.clone());
        let (registry, hints) = (self.registry.clone(), self.hints.clone());
        self.shared.tasks.spawn(async move {
            actor.run().await;
            if actor.is_removed() {
                registry.remove(&id);
                hints.forget(&id);
            }
            // Only now does the channel of snapshots close, which is what `uninstall` waits for.
            drop(actor);
        });
        handle
    }
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor")
            .field("instance", &self.0.shared.instance)
            .field("plugins", &self.0.registry.all())
            .finish_non_exhaustive()
    }
}

/// Capacity of the channel of supervisor events.
pub(crate) fn event_channel() -> broadcast::Sender<Event> {
    broadcast::Sender::new(EventStream::CAPACITY)
}
