//! What a consent consists of.

use schemars::JsonSchema;
use serde::Serialize;

use super::request::Permission;
use crate::value::{cpu::CpuLimit, memory::MemoryLimit, number::PidsLimit};

/// A permission with its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Permission")]
#[non_exhaustive]
pub struct PermissionText {
    /// The permission itself.
    #[serde(skip)]
    pub permission: Permission,
    /// Its short name, by which it is granted, such as `network` and `device:/dev/ttyUSB0`.
    pub id: String,
    /// What it is for people, completing "this plugin wants to".
    pub text: String,
    /// What may come of it, in one or two whole sentences.
    pub explanation: String,
}

impl From<Permission> for PermissionText {
    fn from(permission: Permission) -> Self {
        Self {
            id: permission.id(),
            text: permission.to_string(),
            explanation: permission.explanation().to_owned(),
            permission,
        }
    }
}

/// The limits that a manifest names; null where it leaves one to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct ConsentLimits {
    /// Memory.
    pub memory: Option<MemoryLimit>,
    /// Processor time, in cores.
    pub cpu: Option<CpuLimit>,
    /// Processes and threads at once.
    pub processes: Option<PidsLimit>,
}

/// Who published a plugin, as far as its host can tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Publisher {
    /// Whoever holds the secret half of a key that the host trusts: the package is signed with it.
    #[non_exhaustive]
    Signed {
        /// The public key.
        key: String,
        /// Its number, as minisign shows it. For display only.
        number: String,
    },
    /// Whoever may write to this place of a registry, from which the image is pulled.
    #[non_exhaustive]
    Image {
        /// The image without tag and digest.
        repository: String,
    },
    /// Nobody knows: a folder, or a package without a signature of a trusted key.
    Unsigned,
}

impl Publisher {
    /// Returns the holder of a key, with the number that minisign shows for that key.
    pub fn signed(key: impl Into<String>, number: impl Into<String>) -> Self {
        Self::Signed {
            key: key.into(),
            number: number.into(),
        }
    }

    /// Returns those who may publish an image of this name, without tag and digest.
    pub fn image(repository: impl Into<String>) -> Self {
        Self::Image {
            repository: repository.into(),
        }
    }
}
