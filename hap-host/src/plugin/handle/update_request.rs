//! Requests that change a plugin's version, before they are carried out.

use std::{fmt, path::PathBuf};

use futures_core::future::BoxFuture;
use hap_manifest::permission::{Permission, Publisher};
use serde_json::Value;

use super::PluginHandle;
use crate::{
    engine::progress::ProgressSink, error::Error, model::update::UpdateOutcome, plugin::source::PluginSource,
};

/// An update, begun when it is awaited: [`PluginHandle::update`] returns one.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # async fn run(state: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
/// use hap_host::{Supervisor, engine::FakeEngine};
/// use hap_manifest::Manifest;
///
/// let supervisor = Supervisor::builder(FakeEngine::new(), state).start().await?;
/// let version = |version: &str| Manifest::builder("light", "Light", version, "light:1").build();
/// let light = supervisor.install(version("2.0.0")?).await?;
///
/// let outcome = light.update(version("1.0.0")?).allow_downgrade(true).snapshot(false).await?;
/// assert_eq!(outcome.to.to_string(), "1.0.0");
/// # Ok(())
/// # }
/// # #[cfg(feature = "testing")]
/// # tokio::runtime::Runtime::new().unwrap().block_on(run(tempfile::tempdir().unwrap().path())).unwrap();
/// ```
///
/// # Errors
/// Those of [`PluginHandle::update`].
///
/// # Cancel safety
/// A request that was never awaited changes nothing. Else as [`PluginHandle::update`] says.
#[must_use = "requests do nothing unless awaited"]
pub struct UpdateRequest {
    handle: PluginHandle,
    source: PluginSource,
    options: UpdateOptions,
}

/// How to update a plugin.
pub(super) struct UpdateOptions {
    pub program: Option<PathBuf>,
    pub progress: ProgressSink,
    pub grants: Vec<Permission>,
    pub grants_all: bool,
    pub settings: Option<Value>,
    pub allow_downgrade: bool,
    pub allow_same_version: bool,
    pub snapshot: bool,
    pub max_snapshot_bytes: Option<u64>,
    pub ignore_dependents: bool,
    pub accept_publisher: Option<Publisher>,
}

impl UpdateRequest {
    pub(super) fn new(handle: PluginHandle, source: PluginSource) -> Self {
        Self {
            handle,
            source,
            options: UpdateOptions {
                program: None,
                progress: ProgressSink::none(),
                grants: Vec::new(),
                grants_all: false,
                settings: None,
                allow_downgrade: false,
                allow_same_version: false,
                snapshot: true,
                max_snapshot_bytes: None,
                ignore_dependents: false,
                accept_publisher: None,
            },
        }
    }

    /// Lets this publisher go on with a plugin of another one, whose settings, variables and data it
    /// gets. What was granted to the plugin was granted to the other: what this version needs has to
    /// be granted anew. [`Supervisor::review`](crate::Supervisor::review) says who published it.
    /// Default: only the publisher of the installed version, and a trusted key after nobody.
    ///
    /// ```no_run
    /// # async fn run(light: hap_host::PluginHandle) -> Result<(), Box<dyn std::error::Error>> {
    /// use hap_host::PluginSource;
    /// use hap_manifest::permission::Permission;
    ///
    /// let source = PluginSource::package("downloads/light-2.0.0.zip");
    /// let shown = "signed:RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    /// light
    ///     .update(source)
    ///     .accept_publisher(shown.parse()?)
    ///     .grant(Permission::Network)
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn accept_publisher(mut self, publisher: Publisher) -> Self {
        self.options.accept_publisher = Some(publisher);
        self
    }

    /// Grants something that the new version asks for and the old one was not granted. Default:
    /// what the plugin was granted stays granted, and nothing else is.
    pub fn grant(mut self, permission: Permission) -> Self {
        self.options.grants.push(permission);
        self
    }

    /// Sets whether everything that the new version asks for is granted, after its owner was shown
    /// what [`permission::added`](hap_manifest::permission::added) and
    /// [`Supervisor::review`](crate::Supervisor::review) say: for a version that is built here, also
    /// [`Permission::Build`]. Default: it is not.
    pub const fn grant_all_requested(mut self, all: bool) -> Self {
        self.options.grants_all = all;
        self
    }

    /// Gives the plugin other settings with the new version, for a `config_schema` that the kept
    /// ones do not fit. They come back with the old version. A secret that says `[REDACTED]` stays
    /// as it is. Default: the kept ones.
    pub fn settings(mut self, settings: Value) -> Self {
        self.options.settings = Some(settings);
        self
    }

    /// Sets whether the plugin may go to a lower version than it has. Default: that is refused.
    pub const fn allow_downgrade(mut self, allow: bool) -> Self {
        self.options.allow_downgrade = allow;
        self
    }

    /// Sets whether the plugin may be updated to the version that it has, such as to a rebuild of it;
    /// what is the same in every part changes nothing. Default: that is refused.
    pub const fn allow_same_version(mut self, allow: bool) -> Self {
        self.options.allow_same_version = allow;
        self
    }

    /// Sets whether the plugin's volumes are copied while it is stopped, where the engine can do
    /// that. Default: they are. Without a copy, for data that is large or can be made again, a
    /// version that fails leaves behind what it wrote.
    pub const fn snapshot(mut self, snapshot: bool) -> Self {
        self.options.snapshot = snapshot;
        self
    }

    /// Sets the most bytes that the copy of the plugin's volumes may take. Default: half of what is
    /// free on the disk with the engine's volumes.
    ///
    /// What they take is measured before anything stops, without holes, and more than the bound is
    /// refused. Where this process may not read the volumes it is only known while they are copied;
    /// then the old version is started again.
    pub const fn max_snapshot_bytes(mut self, most: u64) -> Self {
        self.options.max_snapshot_bytes = Some(most);
        self
    }

    /// Sets whether the plugin is also updated to a version that plugins which depend on it do not
    /// accept; they go on without it, degraded. Default: that is refused.
    pub const fn ignore_dependents(mut self, ignore: bool) -> Self {
        self.options.ignore_dependents = ignore;
        self
    }

    /// Sets the program that stands for the image on an engine without images, such as
    /// [`ProcessEngine`](crate::engine::ProcessEngine). Default: the one that the plugin
    /// has.
    pub fn process_program(mut self, program: impl Into<PathBuf>) -> Self {
        self.options.program = Some(program.into());
        self
    }

    /// Sets the sink for progress of reading, pulling and building; see
    /// [`InstallRequest::progress`](crate::supervisor::install::InstallRequest::progress).
    pub fn progress(mut self, sink: ProgressSink) -> Self {
        self.options.progress = sink;
        self
    }
}

impl IntoFuture for UpdateRequest {
    type Output = Result<UpdateOutcome, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let updating = Box::pin(self.handle.go_to(self.source, self.options));
            self.handle.lifecycle("update", updating).await
        })
    }
}

impl fmt::Debug for UpdateRequest {
    /// Without the settings, some of which are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateRequest")
            .field("plugin", self.handle.id())
            .field("source", &self.source)
            .field("grants", &self.options.grants)
            .field("grants_all", &self.options.grants_all)
            .field("settings", &self.options.settings.is_some())
            .field("allow_downgrade", &self.options.allow_downgrade)
            .field("allow_same_version", &self.options.allow_same_version)
            .field("snapshot", &self.options.snapshot)
            .field("max_snapshot_bytes", &self.options.max_snapshot_bytes)
            .field("ignore_dependents", &self.options.ignore_dependents)
            .field("accept_publisher", &self.options.accept_publisher)
            .finish_non_exhaustive()
    }
}

/// A way back to the version before the last update, begun when it is awaited:
/// [`PluginHandle::roll_back`] returns one. Default: with the data as it is now.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # async fn run(state: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
/// use hap_host::{Supervisor, engine::FakeEngine};
/// use hap_manifest::Manifest;
///
/// let supervisor = Supervisor::builder(FakeEngine::new(), state).start().await?;
/// let version = |version: &str| Manifest::builder("light", "Light", version, "light:1").build();
/// let light = supervisor.install(version("1.0.0")?).await?;
/// light.update(version("2.0.0")?).await?;
///
/// let outcome = light.roll_back().restore_data(false).await?;
/// assert_eq!(outcome.to.to_string(), "1.0.0");
/// # Ok(())
/// # }
/// # #[cfg(feature = "testing")]
/// # tokio::runtime::Runtime::new().unwrap().block_on(run(tempfile::tempdir().unwrap().path())).unwrap();
/// ```
///
/// # Errors
/// Those of [`PluginHandle::roll_back`].
///
/// # Cancel safety
/// A request that was never awaited changes nothing. Else as [`PluginHandle::update`] says.
#[derive(Debug, Clone)]
#[must_use = "requests do nothing unless awaited"]
pub struct RollBackRequest {
    handle: PluginHandle,
    pub(super) restore_data: bool,
    pub(super) snapshot: bool,
    pub(super) max_snapshot_bytes: Option<u64>,
    pub(super) ignore_dependents: bool,
}

impl RollBackRequest {
    pub(super) const fn new(handle: PluginHandle) -> Self {
        Self {
            handle,
            restore_data: false,
            snapshot: true,
            max_snapshot_bytes: None,
            ignore_dependents: false,
        }
    }

    /// Sets whether the data comes back as the old version left it. What was written since is lost,
    /// unless the plugin fails in this version too and comes back to the newer one. Default: the
    /// data stays as it is.
    pub const fn restore_data(mut self, restore: bool) -> Self {
        self.restore_data = restore;
        self
    }

    /// Sets whether the data as it is now is copied first, as [`UpdateRequest::snapshot`] says. Default:
    /// it is.
    pub const fn snapshot(mut self, snapshot: bool) -> Self {
        self.snapshot = snapshot;
        self
    }

    /// Sets the most bytes that this copy may take, as [`UpdateRequest::max_snapshot_bytes`] says.
    pub const fn max_snapshot_bytes(mut self, most: u64) -> Self {
        self.max_snapshot_bytes = Some(most);
        self
    }

    /// Sets whether the plugin also goes back to a version that plugins which depend on it do not
    /// accept; they go on without it, degraded. Default: that is refused, unless the new version is
    /// still watched.
    pub const fn ignore_dependents(mut self, ignore: bool) -> Self {
        self.ignore_dependents = ignore;
        self
    }
}

impl IntoFuture for RollBackRequest {
    type Output = Result<UpdateOutcome, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let going = self.handle.go_back(&self);
            self.handle.lifecycle("roll_back", going).await
        })
    }
}
