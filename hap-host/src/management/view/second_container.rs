use hap_manifest::PluginId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::second_container::SecondContainer;

/// A container that carries a plugin's labels and is not the plugin's own.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SecondContainer")]
#[non_exhaustive]
pub struct SecondContainerView {
    /// The plugin that its label names.
    pub plugin: PluginId,
    /// The engine's id of it.
    pub id: String,
    /// Its name on the engine.
    pub name: String,
    /// It is a copy of the plugin's container, or that container under another name: it has the
    /// plugin's keys and volumes, and is stopped and removed with the plugin. Otherwise it is somebody
    /// else's and left alone.
    pub copy: bool,
    /// It has a process.
    pub running: bool,
}

impl From<SecondContainer> for SecondContainerView {
    fn from(second: SecondContainer) -> Self {
        Self {
            plugin: second.plugin,
            id: second.container.as_str().to_owned(),
            name: second.name,
            copy: second.sealed,
            running: second.running,
        }
    }
}
