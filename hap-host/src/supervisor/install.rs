//! The supervisor's calls that install.

use std::path::Path;

use hap_manifest::PluginId;
use tracing::Instrument as _;

use super::{Supervisor, options::InstallOptions, registry::Reservation};
use crate::{
    engine::ImageId,
    error::{Error, ErrorKind},
    model::{
        desired::Desired,
        event::{Event, EventKind},
        grants::Admission,
        keys::{KeyPair, PluginKeys},
        limits::LimitOverrides,
        record::PluginRecord,
        version::UpdateRecord,
    },
    plugin::{
        admission::admit,
        handle::PluginHandle,
        source::{PluginSource, acquire::Candidate},
    },
};

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
    /// policy does not give and the options do not grant, or when its package is not signed as the
    /// policy wants it, with all reasons in [`Error::refusals`], [`ErrorKind::Dependency`] when it
    /// would depend on itself over others, [`ErrorKind::AlreadyInstalled`], [`ErrorKind::Busy`]
    /// while another call installs it or when the registry asks to wait for longer than that,
    /// [`ErrorKind::Image`] when the image can neither be found, nor pulled, nor built,
    /// [`ErrorKind::Timeout`], [`ErrorKind::Engine`], [`ErrorKind::Store`],
    /// [`ErrorKind::ShuttingDown`]. After any of them nothing is installed.
    ///
    /// # Cancel safety
    /// When the future is dropped, the plugin is installed as a whole or not at all; a pull or a
    /// build is given up.
    pub async fn install(&self, source: impl Into<PluginSource>) -> Result<PluginHandle, Error> {
        self.install_with(source, InstallOptions::default()).await
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
        source: impl Into<PluginSource>,
        options: InstallOptions,
    ) -> Result<PluginHandle, Error> {
        let limit = options.deadline;
        let obtaining = self.obtain(source.into(), &options);
        let obtained = match limit {
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
        let mut candidate = Candidate::open(source, &options.sink(), &self.0.shared.policy).await?;
        let span = tracing::info_span!("installation", plugin = %candidate.manifest.id());
        async {
            let admission = options.admission(candidate.origin(), &candidate.manifest);
            admit(&candidate.manifest, &admission, &self.0.shared)?;
            let reserved = self.reserve(candidate.manifest.id())?;
            let progress = reserved.watch(options.sink());
            let image = candidate.image(&self.0.shared, progress).await?;
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

    /// Installs a plugin from its folder: reads `manifest.json`, builds the image from the folder's
    /// Dockerfile and tags it as the manifest says. On an engine without images the program of the
    /// options stands for it.
    ///
    /// # Errors
    /// As [`install`](Self::install).
    ///
    /// # Cancel safety
    /// As [`install`](Self::install).
    pub async fn install_folder(&self, path: impl AsRef<Path>) -> Result<PluginHandle, Error> {
        self.install(PluginSource::folder(path.as_ref())).await
    }

    /// As [`install_folder`](Self::install_folder), with options.
    ///
    /// # Errors
    /// As [`install`](Self::install).
    ///
    /// # Cancel safety
    /// As [`install`](Self::install).
    pub async fn install_folder_with(
        &self,
        path: impl AsRef<Path>,
        options: InstallOptions,
    ) -> Result<PluginHandle, Error> {
        self.install_with(PluginSource::folder(path.as_ref()), options)
            .await
    }

    /// Installs a plugin from its package: checks the zip to its last byte within the limits of
    /// [`hap_manifest::package`], unpacks it into a private folder below the state folder, builds
    /// the image and removes what was unpacked, also after a kill in between.
    ///
    /// ```no_run
    /// # async fn run(supervisor: hap_host::Supervisor) -> Result<(), hap_host::Error> {
    /// let light = supervisor.install_package("downloads/light-1.0.0.zip").await?;
    /// println!("{} {}", light.id(), light.manifest().version());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`install`](Self::install).
    ///
    /// # Cancel safety
    /// As [`install`](Self::install).
    pub async fn install_package(&self, path: impl AsRef<Path>) -> Result<PluginHandle, Error> {
        self.install(PluginSource::package(path.as_ref())).await
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
            Ok(handle)
        });
        let ended = |_| Error::new(ErrorKind::ShuttingDown, "the supervisor shuts down");
        entering.await.map_err(ended)?
    }
}
