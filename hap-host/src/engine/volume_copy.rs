use hap_manifest::PluginId;

use super::InstanceName;

/// Which volumes of one plugin are to be copied to where.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VolumeCopy {
    /// The supervisor that owns them.
    pub instance: InstanceName,
    /// The plugin that they belong to.
    pub plugin: PluginId,
    /// An image of the plugin that is on this machine, for engines that copy by way of a container. It is never run.
    pub image: String,
    /// Names of the volumes, each source with its target.
    pub volumes: Vec<(String, String)>,
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
            volumes,
        }
    }
}
