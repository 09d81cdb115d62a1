use std::fmt;

use hap_manifest::{CpuLimit, ImageRef, MemoryLimit, PidsLimit, permission::Permission};
use serde::Serialize;

use super::pattern::ImageSource;

/// One reason why a plugin is not permitted, in words that complete "it".
///
/// [`NotGranted`](Self::NotGranted) is what its owner can consent to; the others are decided by the
/// [`Policy`](super::Policy) alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PolicyViolation {
    /// It asks for something that was not granted to it, and that may be granted.
    NotGranted {
        /// What it asks for.
        permission: Permission,
    },
    /// It asks for something that no plugin gets here.
    Denied {
        /// What it asks for.
        permission: Permission,
    },
    /// It asks for more memory than any plugin gets here.
    Memory {
        /// What it asks for.
        asked: MemoryLimit,
        /// The most that a plugin gets.
        most: MemoryLimit,
    },
    /// It asks for more processor time than any plugin gets here.
    Cpu {
        /// What it asks for.
        asked: CpuLimit,
        /// The most that a plugin gets.
        most: CpuLimit,
    },
    /// It asks for more processes than any plugin gets here.
    Processes {
        /// What it asks for.
        asked: PidsLimit,
        /// The most that a plugin gets.
        most: PidsLimit,
    },
    /// It chooses the user that it runs as.
    User {
        /// The user that it chooses.
        user: String,
    },
    /// Its image names the user that it runs as.
    ImageUser {
        /// The user that it names.
        user: String,
    },
    /// Its image comes from elsewhere than images may.
    Image {
        /// The image.
        image: ImageRef,
        /// Where images may come from.
        sources: Vec<ImageSource>,
    },
    /// It is built on this machine.
    LocalBuild,
    /// Its Dockerfile has what no host builds, or what engines read in different ways.
    Dockerfile {
        /// Number of the line, from 1.
        line: usize,
        /// The rule that the line breaks, and what to write instead.
        rule: String,
    },
    /// Its Dockerfile takes an image from elsewhere than images may come from.
    BaseImage {
        /// The image as the Dockerfile names it.
        image: String,
        /// Where images may come from.
        sources: Vec<ImageSource>,
    },
    /// Its image declares volumes that the manifest does not name.
    ImageVolumes {
        /// The paths in the image.
        paths: Vec<String>,
        /// What `volumes` of the manifest would be with those of them that a manifest may name.
        volumes: Vec<String>,
    },
    /// It is built from a package without a signature, or from a folder.
    Unsigned,
    /// Its package is signed with a key that is not trusted.
    UnknownKey {
        /// The number of the key, as minisign shows it.
        key: String,
    },
    /// Its package, or the signature of that, is not as it was signed.
    Modified {
        /// The number of the key, as minisign shows it.
        key: String,
    },
    /// The signature of its package does not say for which plugin and version it was made.
    UnboundSignature,
    /// The signature of its package was made for another plugin or version.
    SignedAsOther {
        /// What was signed: id and version.
        signed: String,
        /// What is in the package: id and version.
        found: String,
    },
    /// The signature of its package cannot be read.
    MalformedSignature {
        /// Why.
        problem: String,
    },
}

impl PolicyViolation {
    /// Returns what its owner would have to grant, if that is all.
    #[must_use]
    pub const fn missing_permission(&self) -> Option<&Permission> {
        match self {
            Self::NotGranted { permission } => Some(permission),
            _ => None,
        }
    }
}

impl fmt::Display for PolicyViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGranted { permission } => write!(f, "wants to {permission}, which was not granted"),
            Self::Denied { permission } => {
                write!(f, "wants to {permission}, which this host gives to no plugin")
            }
            Self::Memory { asked, most } => {
                write!(
                    f,
                    "wants a memory limit of {asked}, and this host gives at most {most}"
                )
            }
            Self::Cpu { asked, most } => write!(
                f,
                "wants a CPU limit of {asked} cores, and this host gives at most {most}"
            ),
            Self::Processes { asked, most } => write!(
                f,
                "wants up to {} processes, and this host gives at most {}",
                asked.get(),
                most.get()
            ),
            Self::User { user } => write!(
                f,
                "wants to run as user {user:?}, and on this host no manifest chooses that; its author leaves it out"
            ),
            Self::ImageUser { user } => write!(
                f,
                "has an image that runs as user {user:?}, and on this host plugins run as numbers of their own; its author \
                 leaves USER out of the image"
            ),
            Self::Image { image, sources } => {
                write!(f, "has the image {image}, and here {}", places(sources))
            }
            Self::Dockerfile { line, rule } => {
                write!(f, "has a Dockerfile that is not built here, line {line}: {rule}")
            }
            Self::BaseImage { image, sources } => {
                write!(f, "is built with the image {image}, and here {}", places(sources))
            }
            Self::ImageVolumes { paths, volumes } => write!(
                f,
                "has an image with the volumes {}, which its manifest does not name, and this host takes none; its author {}",
                paths.join(", "),
                volumes_advice(paths, volumes)
            ),
            Self::LocalBuild => f.write_str("is built on this machine, which this host does not allow"),
            Self::Unsigned => f.write_str(
                "is not built from a signed package, and this host takes no other; put the signature of its author beside the package, \
                 with .minisig behind the name",
            ),
            Self::UnknownKey { key } => write!(
                f,
                "is signed with the key {key}, which this host does not trust; trust that key if you trust its author"
            ),
            Self::Modified { key } => write!(
                f,
                "is not what was signed with the key {key}: the package or its signature was changed; get both again from its author"
            ),
            Self::UnboundSignature => f.write_str(
                "has a signature that names no plugin and version; its author signs with \
                 minisign -S -t \"id:<id> version:<version>\"",
            ),
            Self::SignedAsOther { signed, found } => write!(
                f,
                "is {found}, and its signature is for {signed}; get the signature of this package from its author"
            ),
            Self::MalformedSignature { problem } => {
                write!(f, "has a signature that cannot be read: {problem}")
            }
        }
    }
}

/// Where images may come from, in words.
fn places(sources: &[ImageSource]) -> String {
    let sources: Vec<_> = sources.iter().map(ImageSource::as_str).collect();
    if sources.is_empty() {
        "none is allowed".to_owned()
    } else {
        format!("images may come from {}", sources.join(", "))
    }
}

/// What an author does about volumes that only the image declares, to have them kept. `volumes` is
/// all that the manifest may name then.
pub(crate) fn volumes_advice(paths: &[String], volumes: &[String]) -> String {
    let (kept, refused): (Vec<_>, Vec<_>) = paths.iter().partition(|path| volumes.contains(path));
    let quoted: Vec<_> = volumes.iter().map(|path| format!("{path:?}")).collect();
    let write = format!("writes \"volumes\": [{}] into the manifest", quoted.join(", "));
    let refused: Vec<_> = refused.into_iter().map(String::as_str).collect();
    let take = format!(
        "takes VOLUME {} out of the image, because no manifest may name that",
        refused.join(" ")
    );
    match (kept.is_empty(), refused.is_empty()) {
        (false, true) => write,
        (true, _) => take,
        (false, false) => format!("{write}, and {take}"),
    }
}

/// Several violations as they complete "it".
pub(crate) fn words(violations: &[PolicyViolation]) -> String {
    let all: Vec<_> = violations.iter().map(ToString::to_string).collect();
    all.join("; it ")
}
