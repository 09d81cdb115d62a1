use std::{fmt, time::Duration};

use hap_manifest::PluginId;
use serde::Serialize;

/// A kind of thing that an engine keeps for an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ResourceKind {
    /// A container, running or not.
    Container,
    /// A network.
    Network,
    /// A volume with a plugin's data.
    Volume,
    /// An image that was built for a plugin.
    Image,
}

impl ResourceKind {
    /// The name for people and programs, such as `container`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Image => "image",
        }
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that an engine keeps for an instance, known by its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resource {
    /// What it is.
    pub kind: ResourceKind,
    /// The engine's id of it.
    pub id: String,
    /// Its name for people; the id where it has none.
    pub name: String,
    /// The plugin that its label names; `None` for what belongs to the instance as a whole.
    pub plugin: Option<PluginId>,
    /// Time since it was made, by the engine's books; `None` where they do not tell.
    pub age: Option<Duration>,
    /// What it takes of the disk, in bytes, where the engine tells without measuring.
    pub bytes: Option<u64>,
    /// Something else is made from it or attached to it, so the engine would not remove it.
    pub in_use: bool,
}

impl Resource {
    /// Describes a thing of which no more is known than that it is there.
    pub fn new(kind: ResourceKind, id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            kind,
            id: id.into(),
            name: name.into(),
            plugin: None,
            age: None,
            bytes: None,
            in_use: false,
        }
    }
}
