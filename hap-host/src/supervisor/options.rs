//! Options of the supervisor's calls.

use std::{path::PathBuf, time::Duration};

use hap_manifest::{Manifest, permission::Permission};

use crate::{
    engine::progress::ProgressSink,
    model::{
        boot::Boot,
        env::EnvOverrides,
        grants::{Admission, InstallOrigin},
        overrides::Choices,
    },
};

/// How to install a plugin.
#[derive(Debug, Clone, Default)]
pub struct InstallOptions {
    pub(crate) program: Option<PathBuf>,
    pub(crate) progress: Option<ProgressSink>,
    pub(crate) choices: Choices,
    pub(crate) deadline: Option<Duration>,
    grants: Vec<Permission>,
    grants_all: bool,
}

impl InstallOptions {
    /// The program that stands for the image on an engine without images. Others ignore it.
    #[must_use]
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = Some(program.into());
        self
    }

    /// Grants something that the manifest asks for beyond the default; what it does not ask for is
    /// left out. It is kept with the plugin. Default: nothing is granted.
    ///
    /// ```
    /// use hap_host::InstallOptions;
    /// use hap_manifest::permission::Permission;
    ///
    /// let options = InstallOptions::default()
    ///     .grant(Permission::Device("/dev/ttyUSB0".parse()?))
    ///     .grant(Permission::WritableRoot);
    /// # Ok::<(), hap_manifest::ParseError>(())
    /// ```
    #[must_use]
    pub fn grant(mut self, permission: Permission) -> Self {
        self.grants.push(permission);
        self
    }

    /// Grants everything that the manifest asks for, after its owner was shown
    /// [`permission::requested`](hap_manifest::permission::requested).
    #[must_use]
    pub const fn grant_all_requested(mut self) -> Self {
        self.grants_all = true;
        self
    }

    /// Environment variables over those of the manifest;
    /// [`PluginHandle::set_env`](crate::plugin::handle::PluginHandle::set_env) changes them
    /// later. Default: none.
    #[must_use]
    pub fn env(mut self, env: EnvOverrides) -> Self {
        self.choices.env = env;
        self
    }

    /// What becomes of the plugin when the host starts;
    /// [`PluginHandle::set_boot`](crate::plugin::handle::PluginHandle::set_boot) changes it later.
    /// Default: it goes on as it was.
    #[must_use]
    pub const fn boot(mut self, boot: Boot) -> Self {
        self.choices.boot = boot;
        self
    }

    /// Gives the whole installation up after this time, queues included; nothing is installed
    /// then. Default: reading and unpacking may take 5 minutes each, a pull 15 and 2 without
    /// progress, a build 15.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Is told what reading, pulling and building do. Default: nobody is.
    ///
    /// ```
    /// use hap_host::{InstallOptions, PluginSource, engine::{Progress, ProgressSink}};
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
    /// let options = InstallOptions::default().progress(sink);
    /// supervisor.install_with(PluginSource::package("light-1.0.0.zip"), options).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn progress(mut self, sink: ProgressSink) -> Self {
        self.progress = Some(sink);
        self
    }

    pub(crate) fn admission(&self, origin: InstallOrigin, manifest: &Manifest) -> Admission {
        if self.grants_all {
            Admission::of_everything(origin, manifest)
        } else {
            Admission::new(origin, self.grants.iter().cloned(), manifest)
        }
    }

    pub(crate) fn sink(&self) -> ProgressSink {
        self.progress.clone().unwrap_or_else(ProgressSink::none)
    }
}

/// What becomes of the plugins when the supervisor ends. There is no default: the choice is
/// the embedder's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShutdownMode {
    /// Stops them all in parallel, but none before those that depend on it. What is wanted of them
    /// does not change: the next supervisor starts them again.
    StopPlugins,
    /// Leaves them running without supervision until the next supervisor adopts them.
    LeaveRunning,
}
