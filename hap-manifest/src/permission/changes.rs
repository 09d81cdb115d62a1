//! [`ConsentChanges`]: what is different between two versions of a plugin.

use schemars::JsonSchema;
use semver::Version;
use serde::Serialize;

use super::parts::{PermissionText, Publisher};
use crate::value::{path::VolumePath, schema::SemVer};

/// What another version of a plugin asks for that the one before did not, and the other way round.
///
/// Memory, processor time and processes are told as [`limits`](Self::limits), also where they take
/// no permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct ConsentChanges {
    /// The version that it is compared with.
    #[schemars(with = "SemVer")]
    pub since: Version,
    /// What it asks for now and was not covered by what it asked for then.
    pub added: Vec<PermissionText>,
    /// What it asked for then and does not ask for now.
    pub removed: Vec<PermissionText>,
    /// The limits that are other ones.
    pub limits: Vec<LimitChange>,
    /// Where it keeps data now and did not then.
    pub volumes_added: Vec<VolumePath>,
    /// Where it kept data then and does not now.
    pub volumes_removed: Vec<VolumePath>,
    /// Who published the version before, where that was somebody else.
    pub publisher_before: Option<Publisher>,
}

impl ConsentChanges {
    /// Returns whether nothing that a person is asked about is different.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.removed.is_empty()
            && self.limits.is_empty()
            && self.volumes_added.is_empty()
            && self.volumes_removed.is_empty()
            && self.publisher_before.is_none()
    }
}

/// A limit that is another one than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct LimitChange {
    /// Which limit: `memory`, `cpu` or `processes`.
    #[schemars(extend("enum" = ["memory", "cpu", "processes"]))]
    pub limit: &'static str,
    /// Whether it is more or less than before.
    pub direction: Direction,
    /// The limit before in words; null where it was the host's to choose.
    pub before: Option<String>,
    /// The limit now in words; null where it is the host's to choose.
    pub after: Option<String>,
    /// The permission that it takes now, by its short name; null where it takes none.
    pub permission: Option<String>,
}

/// Where a limit has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Direction {
    /// It is more.
    More,
    /// It is less.
    Less,
    /// One of the two is the host's to choose, so nobody can tell from the plugin.
    Other,
}
