use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use hap_manifest::package::folder::OpenFolder;

use super::{error::EngineError, instance::InstanceName, pack::ContextFolder, spec::ResourceLimits};

/// A folder to build an image from.
#[derive(Debug, Clone)]
pub struct BuildContext {
    folder: ContextFolder,
    labels: BTreeMap<String, String>,
    limits: ResourceLimits,
    network: Option<InstanceName>,
    images: Vec<String>,
    pull: bool,
    platform: Option<String>,
}

/// Limits of a step of a build where nothing else is said: 2 GiB, 2 cores, 1,024 processes.
const DEFAULT_LIMITS: ResourceLimits = ResourceLimits::new(2 << 30, 2_000_000_000, 1024);

impl BuildContext {
    /// Builds from `folder` with the `dockerfile` in it, by its path relative to the folder.
    pub fn new(folder: impl Into<PathBuf>, dockerfile: impl Into<String>) -> Self {
        Self {
            folder: ContextFolder::new(folder.into(), dockerfile.into()),
            labels: BTreeMap::new(),
            limits: DEFAULT_LIMITS,
            network: None,
            images: Vec::new(),
            pull: false,
            platform: None,
        }
    }

    /// Packs this open folder: the one that was looked at, whatever is found at its path by now.
    pub(crate) fn with_opened(mut self, folder: Arc<OpenFolder>) -> Self {
        self.folder = self.folder.with_opened(folder);
        self
    }

    /// Packs these bytes instead of the file at this path, relative to the folder: what was judged
    /// is what is built, whatever became of the file since.
    #[must_use]
    pub fn with_read(mut self, path: impl AsRef<Path>, content: impl Into<Arc<[u8]>>) -> Self {
        self.folder = self.folder.with_read(path.as_ref(), content.into());
        self
    }

    /// Packs the folder into a tar archive, the form in which engines take it. Whoever else writes
    /// to the folder meanwhile: no link is followed, so all of it lies in the folder, and what was
    /// [read](Self::with_read) before is packed as it was. `.dockerignore` says what stays out; the
    /// Dockerfile never does. Links that lead out of the folder are refused.
    ///
    /// It blocks on the file system.
    ///
    /// # Errors
    /// [`EngineErrorKind::Rejected`](super::EngineErrorKind::Rejected) where the folder cannot be
    /// packed, has more than 200 MiB, more than 100 folders in each other or no Dockerfile.
    pub fn pack(&self) -> Result<Vec<u8>, EngineError> {
        self.folder.pack()
    }

    /// Limits each step that runs something. Default: 2 GiB, 2 cores, 1,024 processes.
    #[must_use]
    pub const fn with_limits(mut self, limits: ResourceLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Lets steps reach what the plugins of this instance with network access reach. Default: they
    /// have no network.
    #[must_use]
    pub fn with_network_of(mut self, instance: InstanceName) -> Self {
        self.network = Some(instance);
        self
    }

    /// Names the images that the Dockerfile begins with or copies from. They are looked at first:
    /// one with instructions of its own for builds is refused. `pull`: those on this machine do not
    /// count, each is pulled anew.
    #[must_use]
    pub fn with_images(mut self, images: Vec<String>, pull: bool) -> Self {
        self.images = images;
        self.pull = pull;
        self
    }

    /// Names the platform that the image is for, such as `linux/arm64`. Default: the engine's own. Steps that run something
    /// need an engine that can run programs of that platform; copying files needs nothing.
    #[must_use]
    pub fn with_platform(mut self, platform: impl Into<String>) -> Self {
        self.platform = Some(platform.into());
        self
    }

    /// Puts labels on the image. Containers that are made from it inherit them, so they must not be
    /// those by which containers are known.
    #[must_use]
    pub fn with_labels(mut self, labels: BTreeMap<String, String>) -> Self {
        self.labels = labels;
        self
    }

    /// The folder that is sent to the engine. Read it by [`BuildContext::pack`] alone: somebody else
    /// may write to it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Path of the Dockerfile relative to the folder.
    #[must_use]
    pub fn dockerfile(&self) -> &str {
        self.folder.dockerfile()
    }

    /// Limits of each step that runs something.
    #[must_use]
    pub const fn limits(&self) -> &ResourceLimits {
        &self.limits
    }

    /// The instance whose network with a way out steps are on; `None` where they have none.
    #[must_use]
    pub const fn network(&self) -> Option<&InstanceName> {
        self.network.as_ref()
    }

    /// The images that the Dockerfile begins with or copies from.
    #[must_use]
    pub fn images(&self) -> &[String] {
        &self.images
    }

    /// Whether those images are pulled anew.
    #[must_use]
    pub const fn pulls(&self) -> bool {
        self.pull
    }

    /// The platform that the image is for; `None` is the engine's own.
    #[must_use]
    pub fn platform(&self) -> Option<&str> {
        self.platform.as_deref()
    }

    /// Labels of the image.
    #[must_use]
    pub const fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }
}
