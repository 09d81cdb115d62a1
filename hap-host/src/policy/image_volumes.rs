use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::amount::{Size, bytes};

/// What becomes of a volume that an image declares and the manifest of its plugin does not name.
///
/// An engine by itself makes a volume without a name for it, on the disk and without a bound, which
/// is lost when the container is made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ImageVolumes {
    /// A memory file system of this many bytes takes its place; what the image has there is hidden.
    /// It counts as the plugin's memory, runs no programs, and is empty after each start. Its
    /// installation says so, and how the manifest asks for a volume.
    Cover(
        #[serde(with = "bytes")]
        #[schemars(with = "Size")]
        u64,
    ),
    /// The plugin is not installed. One that is installed already runs, with a memory file system
    /// of 16 MiB.
    Refuse,
}

impl ImageVolumes {
    /// Size of the memory file system, in bytes.
    pub(crate) const fn bytes(self) -> u64 {
        match self {
            Self::Cover(bytes) => bytes,
            Self::Refuse => 16 << 20,
        }
    }
}
