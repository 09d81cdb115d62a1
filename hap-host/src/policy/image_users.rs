use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What becomes of the user that an image names and the manifest of its plugin does not.
///
/// It says nothing of images that name none, or root: a plugin is root only where its manifest asks
/// for that, and otherwise runs as a number of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ImageUsers {
    /// The plugin runs as that user. A number of the machine's people is told when it is installed.
    Keep,
    /// The plugin runs as a number of its own instead. What the image has for its own user alone, it
    /// cannot read.
    Replace,
    /// The plugin is not installed.
    Refuse,
}
