use hap_manifest::permission::{Permission, requested};

use crate::model::{
    grants::Admission,
    version::{PluginVersion, SettingsChange},
};

/// What may be done where a copy of the data is too large or fails. For callers of every API.
pub(crate) const WAYS_OUT: &str = "make room, raise the bound on the snapshot, or ask for the update without a snapshot, and \
     then a version that fails leaves behind what it wrote";

/// An update whose image is there and which nothing stands against: what is left is
/// to carry it out.
#[derive(Debug)]
pub(crate) struct UpdateOrder {
    /// Its admission is made when it takes the place of the old one.
    pub version: PluginVersion,
    /// What is granted for this version, in addition to what the plugin has.
    pub grants: Grants,
    pub settings: SettingsChange,
    /// The data is copied before anything changes.
    pub snapshot: bool,
    /// Most bytes that the copy may take.
    pub snapshot_bound: Option<u64>,
    /// The data of this snapshot, of the previous version, comes back with it.
    pub restore: Option<u32>,
}

/// What an update grants.
#[derive(Debug, Clone)]
pub(crate) enum Grants {
    /// These, and what the plugin has.
    Added(Vec<Permission>),
    /// These alone: what the plugin has was granted to another publisher.
    Only(Vec<Permission>),
    /// Everything that the version asks for.
    All,
    /// Those that the version had, less what was revoked since.
    Earlier,
}

impl UpdateOrder {
    /// What the version is let in with, given what the plugin has now.
    pub(crate) fn admission(&self, now: &Admission) -> Admission {
        let (manifest, made) = (&self.version.manifest, &self.version.admission);
        let origin = made.origin();
        let admission = match &self.grants {
            Grants::Added(added) => {
                let granted = now.granted().iter().chain(added).cloned();
                Admission::new(origin, granted, manifest)
            }
            Grants::Only(granted) => Admission::new(origin, granted.iter().cloned(), manifest),
            Grants::All => Admission::new(origin, requested(manifest), manifest),
            Grants::Earlier => return made.clone(),
        };
        // It is built already, and its image was looked at.
        admission
            .with_build(made.has(&Permission::Build))
            .with_runs_as(made.runs_as().clone())
    }
}
