use std::path::PathBuf;

use hap_manifest::Manifest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{grants::Admission, update::UpdateOutcome};
use crate::engine::{instance::InstanceName, naming::volume_names};

/// What updates leave behind of a plugin, kept with it. Settings are not in it: they have
/// tables of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct UpdateRecord {
    /// What the last update replaced.
    pub previous: Option<PluginVersion>,
    pub step: UpdateStep,
    /// Numbers the snapshots, so that a new one never has the name of one that is
    /// still to be removed.
    pub snapshots: u32,
    /// Numbers the switches from one version to another: one that is asked for again, because the
    /// answer was lost, is known by it and not done twice.
    pub switches: u64,
    /// Names of volumes that are to be removed. A snapshot is among them before it is made, and no
    /// longer once somebody needs it.
    pub discarded: Vec<String>,
    /// How the last update ended.
    pub last: Option<UpdateOutcome>,
}

impl UpdateRecord {
    /// Notes volumes for removal.
    pub(crate) fn discard(&mut self, names: impl IntoIterator<Item = String>) {
        for name in names {
            if !self.discarded.contains(&name) {
                self.discarded.push(name);
            }
        }
    }

    /// Keeps volumes after all.
    pub(crate) fn keep(&mut self, names: &[String]) {
        self.discarded.retain(|name| !names.contains(name));
    }
}

/// Where an update is, as far as it must outlive the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(crate) enum UpdateStep {
    /// None is under way.
    #[default]
    Idle,
    /// The version is being watched.
    Probation,
    /// The data of this snapshot comes back before the plugin runs again.
    Restoring {
        snapshot: u32,
        /// The version is watched afterwards.
        probation: bool,
    },
}

/// One version of a plugin: what an update replaces as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PluginVersion {
    #[serde(deserialize_with = "Manifest::deserialize_stored")]
    pub manifest: Manifest,
    pub admission: Admission,
    pub image_id: Option<String>,
    pub program: Option<PathBuf>,
    /// The copy of the data that this version left, where there is one.
    pub snapshot: Option<u32>,
    /// There was one, and somebody removed it.
    #[serde(default)]
    pub snapshot_lost: bool,
}

impl PluginVersion {
    /// The volumes that hold its data as it left them.
    pub(crate) fn snapshot_volumes(&self, instance: &InstanceName) -> Vec<String> {
        self.snapshot
            .map(|number| snapshot_names(instance, &self.manifest, number))
            .unwrap_or_default()
    }
}

/// Tells that the snapshot of what a version left is gone, in the same words everywhere.
pub(crate) fn lost_snapshot(version: &semver::Version, volumes: &[String]) -> String {
    let which = if volumes.is_empty() {
        String::new()
    } else {
        format!(" (missing: {})", volumes.join(", "))
    };
    format!(
        "the snapshot of the data that version {version} left was removed by somebody, as `docker volume prune` \
         does{which}: the data stays as it is, going back without it is possible"
    )
}

/// The names that a snapshot of a plugin's volumes has, in the order of its manifest.
pub(crate) fn snapshot_names(instance: &InstanceName, manifest: &Manifest, number: u32) -> Vec<String> {
    let names = volume_names(instance, manifest).into_iter();
    names.map(|name| format!("{name}.snapshot-{number}")).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_plugin_that_was_never_updated_is_empty_and_reads_back() {
        let record: UpdateRecord = serde_json::from_str("{}").unwrap();
        assert_eq!(record, UpdateRecord::default());
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<UpdateRecord>(&text).unwrap(), record);
    }

    #[test]
    fn what_is_kept_is_no_longer_discarded_and_nothing_is_discarded_twice() {
        let mut record = UpdateRecord::default();
        record.discard(["a".to_owned(), "b".to_owned(), "a".to_owned()]);
        record.keep(&["a".to_owned()]);
        assert_eq!(record.discarded, ["b"]);
    }
}
