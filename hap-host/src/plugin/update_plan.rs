use hap_manifest::permission::{Permission, requested};
use serde_json::Value;

use crate::model::{grants::Admission, version::PluginVersion};

/// An update whose image is there and which nothing stands against: what is left is to carry it out.
#[derive(Debug)]
pub(crate) struct UpdateOrder {
    /// Its admission is made when it takes the place of the old one.
    pub version: PluginVersion,
    /// What is granted for this version, in addition to what the plugin has.
    pub grants: Grants,
    pub settings: SettingsChange,
    /// The data is copied before anything changes.
    pub snapshot: bool,
    /// The data of this snapshot, of the previous version, comes back with it.
    pub restore: Option<u32>,
}

/// What an update grants.
#[derive(Debug, Clone)]
pub(crate) enum Grants {
    /// These, and what the plugin has.
    Added(Vec<Permission>),
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
        match &self.grants {
            Grants::Added(added) => {
                let granted = now.granted().iter().chain(added).cloned();
                Admission::new(origin, granted, manifest)
            }
            Grants::All => Admission::new(origin, requested(manifest), manifest),
            Grants::Earlier => made.clone(),
        }
    }
}

/// What an update does to the plugin's settings.
#[derive(Clone, PartialEq)]
pub(crate) enum SettingsChange {
    Keep,
    Replace(Option<Value>),
    /// Those that were kept when the last update was made.
    Previous,
}

impl std::fmt::Debug for SettingsChange {
    /// Without the settings, some of which are secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Keep => "Keep",
            Self::Replace(_) => "Replace",
            Self::Previous => "Previous",
        })
    }
}
