use hap_manifest::PluginId;

use super::instance::InstanceName;

/// Which volumes of one plugin are to be copied to where.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VolumeCopy {
    /// The supervisor that owns them.
    pub instance: InstanceName,
    /// The plugin that they belong to.
    pub plugin: PluginId,
    /// An image of the plugin that is on this machine, for engines that copy by way of a container.
    /// It is never run.
    pub image: String,
    /// Another one that will do, should the first not be there any more.
    pub fallback_image: Option<String>,
    /// Names of the volumes, each source with its target.
    pub volumes: Vec<(String, String)>,
    /// A source that does not exist is
    /// [`EngineErrorKind::NotFound`](super::error::EngineErrorKind::NotFound), before any target is
    /// touched, instead of counting as empty.
    pub require_sources: bool,
    /// Most bytes of content that are copied. More is
    /// [`EngineErrorKind::Rejected`](super::error::EngineErrorKind::Rejected).
    pub max_bytes: Option<u64>,
}

impl VolumeCopy {
    /// Describes a copy.
    #[must_use]
    pub const fn new(
        instance: InstanceName,
        plugin: PluginId,
        image: String,
        volumes: Vec<(String, String)>,
    ) -> Self {
        Self {
            instance,
            plugin,
            image,
            fallback_image: None,
            volumes,
            require_sources: false,
            max_bytes: None,
        }
    }

    /// Sets another image that will do.
    #[must_use]
    pub fn fallback_image(mut self, image: Option<String>) -> Self {
        self.fallback_image = image;
        self
    }

    /// Sets whether a source that does not exist is an error. Default: it counts as empty.
    #[must_use]
    pub const fn require_sources(mut self, require: bool) -> Self {
        self.require_sources = require;
        self
    }

    /// Sets the most bytes of content that are copied. Default: no bound.
    #[must_use]
    pub const fn max_bytes(mut self, most: Option<u64>) -> Self {
        self.max_bytes = most;
        self
    }
}

/// What a plugin's volumes take on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VolumeUsage {
    /// Bytes that they take, without holes. `None` where that cannot be told.
    pub bytes: Option<u64>,
    /// Bytes that are free on the disk with the engine's volumes. `None` where that cannot be told.
    pub free_bytes: Option<u64>,
}

impl VolumeUsage {
    /// Describes what volumes take.
    #[must_use]
    pub const fn new(bytes: Option<u64>, free_bytes: Option<u64>) -> Self {
        Self { bytes, free_bytes }
    }
}
