use hap_manifest::package::PackageKey;
use serde::{Deserialize, Serialize};

/// How a plugin came to this host. A policy of a later start judges it by that again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Origin {
    /// By a manifest whose image is pulled, or was put on the machine by someone.
    #[default]
    Image,
    /// By a folder or a package, from which its image was built.
    Build,
    /// By a package that was signed with a key that was trusted then, from which its image was built.
    Signed(PackageKey),
}
