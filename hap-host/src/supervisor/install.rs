//! How a plugin is installed.

use std::{fmt, path::PathBuf, time::Duration};

use futures_core::future::BoxFuture;
use hap_manifest::{Manifest, PluginId, permission::Permission};
use tracing::Instrument as _;

use super::{Supervisor, registry::Reservation};
use crate::{
    engine::{ImageId, progress::ProgressSink},
    error::{Error, ErrorKind},
    model::{
        autostart::Autostart,
        desired::Desired,
        env::EnvOverrides,
        event::{Event, EventKind},
        grants::{Admission, InstallOrigin},
        keys::{KeyPair, PluginKeys},
        limits::LimitOverrides,
        overrides::Choices,
        phase::Phase,
        record::PluginRecord,
        version::UpdateRecord,
    },
    plugin::{
        admission::admit,
        handle::PluginHandle,
        publisher::refuse_foreign_data,
        runs_as,
        source::{PluginSource, acquire::Candidate},
    },
};

/// Longest wait for the engine to say that a new plugin has no container yet.
const FIRST_LOOK: Duration = Duration::from_secs(5);

/// All that makes a plugin, before it is recorded.
struct Obtained {
    candidate: Candidate,
    admission: Admission,
    image: ImageId,
    reserved: Reservation,
}

impl Supervisor {
    /// Installs a plugin without starting it: from a [`Manifest`](hap_manifest::Manifest), whose
    /// image is on this machine or can be pulled, or from any other [`PluginSource`]. What it
    /// depends on need not be installed yet: its start waits for that.
    ///
    /// What runs from then on is the image as it is now: the plugin is tied to the image's id. A
    /// tag that moves later, by a pull, a push or another build, changes nothing for it; an
    /// [update](PluginHandle::update) is how it gets another image. An image that somebody removes
    /// from the engine makes the next container fail with
    /// [`FailureCause::Image`](crate::model::failure::FailureCause::Image).
    ///
    /// Two plugins with the same image share one pull. A pull that fails for a passing reason is
    /// tried again, up to 5 times with growing pauses, and after the time that the registry asks
    /// for when it has had too many requests. It is given up after 2 minutes without progress, and
    /// after 15 in all.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] with every problem of the manifest or of the package, or when
    /// the manifest is for another platform, [`ErrorKind::NotPermitted`] when it asks for what the
    /// policy does not give and the request does not grant, or when its package is not signed as the
    /// policy wants it, with all reasons in [`Error::violations`], [`ErrorKind::Dependency`] when it
    /// would depend on itself over others, [`ErrorKind::AlreadyInstalled`],
    /// [`ErrorKind::ForeignData`] when an earlier plugin of the id left data of another publisher,
    /// [`ErrorKind::Busy`]
    /// while another call installs it or when the registry asks to wait for longer than that,
    /// [`ErrorKind::Image`] when the image can neither be found, nor pulled, nor built,
    /// [`ErrorKind::Timeout`], [`ErrorKind::Engine`], [`ErrorKind::Store`],
    /// [`ErrorKind::ShuttingDown`]. After any of them nothing is installed.
    ///
    /// # Cancel safety
    /// When the future is dropped, the plugin is installed as a whole or not at all; a pull or a
    /// build is given up.
    pub fn install(&self, source: impl Into<PluginSource>) -> InstallRequest {
        InstallRequest {
            supervisor: self.clone(),
            source: source.into(),
            options: InstallOptions {
                program: None,
                progress: ProgressSink::none(),
                choices: Choices::default(),
                deadline: None,
                grants: Vec::new(),
                grants_all: false,
                adopt_data: false,
            },
        }
    }

    async fn carry_out(&self, source: PluginSource, options: InstallOptions) -> Result<PluginHandle, Error> {
        let obtaining = self.obtain(source, &options);
        let obtained = match options.deadline {
            Some(limit) => tokio::time::timeout(limit, obtaining).await.unwrap_or_else(|_| {
                let message = format!("it could not be had within {limit:?}: nothing is installed");
                Err(Error::new(ErrorKind::Timeout, message))
            }),
            None => obtaining.await,
        }?;
        // From here on it is installed as a whole, however long the disk takes.
        self.enter(obtained, options).await
    }

    async fn obtain(&self, source: PluginSource, options: &InstallOptions) -> Result<Obtained, Error> {
        let mut candidate = Candidate::open(source, &options.progress, &self.0.shared).await?;
        let span = tracing::info_span!("installation", plugin = %candidate.manifest.id());
        async {
            let builds = candidate.needs_build();
            let admission = options.admission(candidate.origin(), &candidate.manifest, builds);
            admit(
                &candidate.manifest,
                &admission,
                candidate.dockerfile(),
                &self.0.shared,
            )?;
            let reserved = self.reserve(candidate.manifest.id())?;
            if !options.adopt_data {
                let publisher = candidate.publisher();
                refuse_foreign_data(&self.0.shared, candidate.manifest.id(), &publisher).await?;
            }
            let progress = reserved.watch(options.progress.clone());
            let image = candidate.image(&self.0.shared, progress).await?;
            let runs_as = runs_as::decide(
                &self.0.shared,
                &candidate.manifest,
                &image,
                None,
                &options.progress,
            );
            let admission = admission.with_runs_as(runs_as.await?);
            Ok(Obtained {
                candidate,
                admission,
                image,
                reserved,
            })
        }
        .instrument(span)
        .await
    }

    fn reserve(&self, id: &PluginId) -> Result<Reservation, Error> {
        if self.0.shared.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::ShuttingDown, "the supervisor shuts down").with_plugin(id));
        }
        self.0.registry.reserve(id)
    }

    /// Records the plugin and starts its actor, also when the caller goes away in between: a
    /// plugin that is on the disk and not in the registry would come to light only at the next
    /// start of the host.
    async fn enter(&self, obtained: Obtained, options: InstallOptions) -> Result<PluginHandle, Error> {
        let Obtained {
            candidate,
            admission,
            image,
            reserved,
        } = obtained;
        let record = PluginRecord {
            manifest: candidate.manifest,
            admission,
            desired: Desired::Stopped,
            choices: options.choices,
            config: None,
            keys: PluginKeys::new(
                KeyPair::generate().map_err(|message| Error::new(ErrorKind::Store, message))?,
            ),
            image_id: Some(image.as_str().to_owned()),
            program: options.program,
            limits: LimitOverrides::default(),
            updates: UpdateRecord::default(),
        };
        let this = self.clone();
        let entering = self.0.shared.tasks.spawn(async move {
            this.0.shared.store.put_plugin(&record).await?;
            let id = record.manifest.id().clone();
            let handle = this.0.adopt(record);
            drop(reserved);
            // Nobody listening is fine.
            let _ = this.0.shared.events.send(Event::now(id, EventKind::Installed));
            // So that the first answer says `stopped` rather than that nothing is known. An engine
            // that does not answer shows in the state.
            let known = handle.wait(|snapshot| snapshot.state.phase != Phase::Unknown);
            let _ = tokio::time::timeout(FIRST_LOOK, known).await;
            Ok(handle)
        });
        let ended = |_| Error::new(ErrorKind::ShuttingDown, "the supervisor shuts down");
        entering.await.map_err(ended)?
    }
}

/// An installation, begun when it is awaited: [`Supervisor::install`] returns one.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # async fn run(state: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
/// use hap_host::{Autostart, EnvOverrides, Supervisor, engine::FakeEngine};
/// use hap_manifest::{Manifest, permission::Permission};
///
/// let supervisor = Supervisor::builder(FakeEngine::new(), state).start().await?;
/// let manifest = Manifest::builder("light", "Light", "1.0.0", "light:1").build()?;
/// let light = supervisor
///     .install(manifest)
///     .grant(Permission::WritableRoot)
///     .env(EnvOverrides::new().with("LOG_LEVEL", "debug")?)
///     .autostart(Autostart::Always)
///     .await?;
/// light.start().await?;
/// # Ok(())
/// # }
/// # #[cfg(feature = "testing")]
/// # tokio::runtime::Runtime::new().unwrap().block_on(run(tempfile::tempdir().unwrap().path())).unwrap();
/// ```
///
/// # Errors
/// Those of [`Supervisor::install`].
///
/// # Cancel safety
/// A request that was never awaited changes nothing. When the future is dropped, the plugin is
/// installed as a whole or not at all; a pull or a build is given up.
#[must_use = "requests do nothing unless awaited"]
pub struct InstallRequest {
    supervisor: Supervisor,
    source: PluginSource,
    options: InstallOptions,
}

/// How to install a plugin.
struct InstallOptions {
    program: Option<PathBuf>,
    progress: ProgressSink,
    choices: Choices,
    deadline: Option<Duration>,
    grants: Vec<Permission>,
    grants_all: bool,
    adopt_data: bool,
}

impl InstallRequest {
    /// Grants something that the manifest asks for beyond the default; what it does not ask for is
    /// left out. It is kept with the plugin. Default: nothing is granted.
    ///
    /// ```no_run
    /// # async fn run(supervisor: hap_host::Supervisor) -> Result<(), Box<dyn std::error::Error>> {
    /// use hap_host::PluginSource;
    /// use hap_manifest::permission::Permission;
    ///
    /// let meter = supervisor
    ///     .install(PluginSource::package("downloads/meter-1.0.0.zip"))
    ///     .grant(Permission::Device("/dev/ttyUSB0".parse()?))
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn grant(mut self, permission: Permission) -> Self {
        self.options.grants.push(permission);
        self
    }

    /// Sets whether everything that the plugin asks for is granted, after its owner was shown what
    /// [`Supervisor::review`] says: for a plugin that is built here, also [`Permission::Build`].
    /// Default: it is not.
    pub const fn grant_all_requested(mut self, all: bool) -> Self {
        self.options.grants_all = all;
        self
    }

    /// Sets whether the plugin gets the data that an earlier one of its id left, whoever published
    /// that. Default: only data of the same publisher; of a package that nobody has signed, and where
    /// the publisher was not recorded, none.
    /// [`Supervisor::remove_orphaned_data`] is the other way out.
    pub const fn adopt_data(mut self, adopt: bool) -> Self {
        self.options.adopt_data = adopt;
        self
    }

    /// Sets environment variables over those of the manifest; [`PluginHandle::set_env`] changes
    /// them later. Default: none.
    pub fn env(mut self, env: EnvOverrides) -> Self {
        self.options.choices.env = env;
        self
    }

    /// Sets what becomes of the plugin when the host starts; [`PluginHandle::set_autostart`]
    /// changes it later. Default: it goes on as it was.
    pub const fn autostart(mut self, autostart: Autostart) -> Self {
        self.options.choices.autostart = autostart;
        self
    }

    /// Sets the program that stands for the image on an engine without images, such as
    /// [`ProcessEngine`](crate::engine::ProcessEngine). Others ignore it.
    pub fn process_program(mut self, program: impl Into<PathBuf>) -> Self {
        self.options.program = Some(program.into());
        self
    }

    /// Sets the time after which the whole installation is given up, queues included; nothing is
    /// installed then. Default: reading and unpacking may take 5 minutes each, a pull 15 and 2
    /// without progress, a build 15.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = Some(deadline);
        self
    }

    /// Sets the sink for progress of reading, pulling and building. Default: none.
    ///
    /// ```
    /// use hap_host::{PluginSource, engine::{Progress, ProgressSink}};
    ///
    /// # async fn run(supervisor: hap_host::Supervisor) -> Result<(), hap_host::Error> {
    /// let (sink, mut progress) = ProgressSink::stream();
    /// tokio::spawn(async move {
    ///     while let Some(report) = progress.next().await {
    ///         match report {
    ///             Progress::Stage(stage) => println!("{stage}"),
    ///             Progress::Step(line) => println!("  {line}"),
    ///             Progress::Bytes { done, total } => println!("  {done} of {total} bytes"),
    ///             _ => {}
    ///         }
    ///     }
    /// });
    /// supervisor.install(PluginSource::package("light-1.0.0.zip")).progress(sink).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn progress(mut self, sink: ProgressSink) -> Self {
        self.options.progress = sink;
        self
    }
}

impl InstallOptions {
    /// `builds`: its image is built, and that takes a grant.
    fn admission(&self, origin: InstallOrigin, manifest: &Manifest, builds: bool) -> Admission {
        let admission = if self.grants_all {
            Admission::of_everything(origin, manifest)
        } else {
            Admission::new(origin, self.grants.iter().cloned(), manifest)
        };
        admission.with_build(builds && (self.grants_all || self.grants.contains(&Permission::Build)))
    }
}

impl IntoFuture for InstallRequest {
    type Output = Result<PluginHandle, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.supervisor.carry_out(self.source, self.options).await })
    }
}

impl fmt::Debug for InstallRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstallRequest")
            .field("source", &self.source)
            .field("choices", &self.options.choices)
            .field("grants", &self.options.grants)
            .field("grants_all", &self.options.grants_all)
            .field("adopt_data", &self.options.adopt_data)
            .field("deadline", &self.options.deadline)
            .finish_non_exhaustive()
    }
}
