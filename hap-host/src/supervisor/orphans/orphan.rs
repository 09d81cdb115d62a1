//! What belongs to no plugin, and what a sweep did.

use std::{fmt, time::Duration};

use hap_manifest::PluginId;
use serde::Serialize;

use crate::{engine::resource::ResourceKind, error::Error};

/// Something on the engine that carries this supervisor's labels and belongs to no
/// plugin that it knows.
///
/// A plugin is known as long as its record is in the store, also when the record cannot be read,
/// and while it is being installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Orphan {
    /// What it is.
    pub kind: ResourceKind,
    /// The engine's id of it.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The plugin that its label names.
    pub plugin: Option<PluginId>,
    /// Time since it was made, by the engine's books; `None` where they do not tell.
    pub age: Option<Duration>,
    /// What it takes of the disk, in bytes, layers that images share counted for each; `None` where
    /// the engine does not tell without measuring.
    pub bytes: Option<u64>,
    /// Why it belongs to nobody.
    pub reason: OrphanReason,
    /// What becomes of it.
    #[serde(rename = "fate")]
    pub disposition: OrphanDisposition,
}

/// Why something belongs to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OrphanReason {
    /// The plugin that its label names is not installed.
    NotInstalled,
    /// It is an image of an installed plugin that runs another one.
    OtherImage,
    /// It is a network that no plugin is put on.
    NotNeeded,
}

/// What becomes of an [`Orphan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OrphanDisposition {
    /// The next sweep removes it.
    Due,
    /// It is not old enough yet, or the engine does not tell how old it is.
    Young,
    /// Something else uses it, so the engine would not remove it.
    InUse,
    /// It goes by [`Supervisor::prune_images`](crate::Supervisor::prune_images) alone.
    Image,
    /// It is a plugin's data, and goes by
    /// [`Supervisor::remove_orphaned_data`](crate::Supervisor::remove_orphaned_data) alone.
    Data,
}

impl fmt::Display for Orphan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)?;
        match (self.reason, &self.plugin) {
            (OrphanReason::NotInstalled, Some(plugin)) => write!(f, ": plugin {plugin} is not installed"),
            (OrphanReason::OtherImage, Some(plugin)) => write!(f, ": plugin {plugin} runs another image"),
            (OrphanReason::NotNeeded, _) | (_, None) => f.write_str(": no plugin uses it"),
        }
    }
}

/// What a sweep did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SweepReport {
    /// What was removed.
    pub removed: Vec<Orphan>,
    /// What the engine did not remove, with the reason. The next sweep tries again.
    pub failed: Vec<(Orphan, Error)>,
    /// Bytes of the disk that this freed, as far as the engine tells; layers that other images
    /// share stay, and are not counted.
    pub freed_bytes: u64,
}
