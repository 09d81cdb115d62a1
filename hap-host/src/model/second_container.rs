use hap_manifest::PluginId;

use crate::engine::observed::ContainerId;

/// A container that carries a plugin's labels and is not the plugin's own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecondContainer {
    /// The plugin that its label names.
    pub plugin: PluginId,
    /// The engine's id of it.
    pub container: ContainerId,
    /// Its name on the engine.
    pub name: String,
    /// It carries this supervisor's seal: somebody copied or renamed the plugin's container. It has
    /// the plugin's keys and volumes, and goes with the plugin: a stop of the plugin stops it, an
    /// uninstallation removes it. One without the seal is somebody else's and left alone.
    pub sealed: bool,
    /// It has a process.
    pub running: bool,
}
