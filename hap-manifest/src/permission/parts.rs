//! What a consent consists of.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::request::Permission;
use crate::value::{
    cpu::CpuLimit,
    error::{ParseError, quoted},
    memory::MemoryLimit,
    number::PidsLimit,
};

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// Whoever operates the host: a folder of its machine.
    Folder,
    /// Nobody knows: a package without a signature of a trusted key.
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

    /// Returns its short name, by which a request accepts it: `signed:` and the key, `image:` and
    /// the repository, `folder` or `unsigned`. It reads back by [`FromStr`].
    ///
    /// ```
    /// use hap_manifest::permission::Publisher;
    ///
    /// let publisher = Publisher::image("ghcr.io/acme/light");
    /// assert_eq!(publisher.id(), "image:ghcr.io/acme/light");
    /// assert!("image:ghcr.io/acme/light".parse::<Publisher>()?.is(&publisher));
    /// # Ok::<(), hap_manifest::ParseError>(())
    /// ```
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Signed { key, .. } => format!("signed:{key}"),
            Self::Image { repository } => format!("image:{repository}"),
            Self::Folder => "folder".to_owned(),
            Self::Unsigned => "unsigned".to_owned(),
        }
    }

    /// Returns whether both are one publisher: the number of a key is for display only.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl FromStr for Publisher {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.split_once(':') {
            None if text == "folder" => Ok(Self::Folder),
            None if text == "unsigned" => Ok(Self::Unsigned),
            Some(("signed", key)) if !key.is_empty() => Ok(Self::signed(key, "")),
            Some(("image", repository)) if !repository.is_empty() => Ok(Self::image(repository)),
            _ => {
                let rule = "it is none of signed:<key>, image:<repository>, folder and unsigned";
                Err(ParseError::new("publisher", quoted(text), rule)
                    .with_help("give the publisher as the review and the refusal name it"))
            }
        }
    }
}
