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
    pub other_image: Option<String>,
    /// Names of the volumes, each source with its target.
    pub volumes: Vec<(String, String)>,
    /// A source that does not exist is
    /// [`EngineErrorKind::NotFound`](super::error::EngineErrorKind::NotFound), before any target is
    /// touched, instead of counting as empty.
    pub sources_required: bool,
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
            other_image: None,
            volumes,
            sources_required: false,
        }
    }

    /// Names another image that will do.
    #[must_use]
    pub fn or_image(mut self, image: Option<String>) -> Self {
        self.other_image = image;
        self
    }

    /// Lets a source that does not exist be an error.
    #[must_use]
    pub const fn requiring_sources(mut self) -> Self {
        self.sources_required = true;
        self
    }
}
