//! What must survive a kill of an installed plugin.

use std::{fmt, path::PathBuf};

use hap_manifest::Manifest;
use serde_json::Value;

use super::{
    desired::Desired,
    grants::Admission,
    keys::PluginKeys,
    limits::LimitOverrides,
    overrides::Choices,
    runs_as::RunsAs,
    version::{PluginVersion, UpdateRecord},
};

/// Everything about an installed plugin that must survive a kill.
#[derive(Clone)]
pub(crate) struct PluginRecord {
    pub(crate) manifest: Manifest,
    pub(crate) admission: Admission,
    pub(crate) desired: Desired,
    pub(crate) choices: Choices,
    pub(crate) config: Option<Value>,
    pub(crate) keys: PluginKeys,
    /// What the engine called the image that was last run.
    pub(crate) image_id: Option<String>,
    /// The program, for an engine that runs programs instead of images.
    pub(crate) program: Option<PathBuf>,
    /// What the operator gave it in place of the manifest's limits.
    pub(crate) limits: LimitOverrides,
    pub(crate) updates: UpdateRecord,
}

impl PluginRecord {
    /// Who its program runs as.
    pub(crate) fn runs_as(&self) -> RunsAs {
        match self.manifest.user() {
            // It is so for the plugins of the version before too.
            Some(user) if *self.admission.runs_as() == RunsAs::AsBefore => RunsAs::Manifest(user.to_owned()),
            _ => self.admission.runs_as().clone(),
        }
    }

    /// What of it an update replaces.
    pub(crate) fn version(&self) -> PluginVersion {
        PluginVersion {
            manifest: self.manifest.clone(),
            admission: self.admission.clone(),
            image_id: self.image_id.clone(),
            program: self.program.clone(),
            snapshot: None,
            snapshot_lost: false,
        }
    }
}

impl fmt::Debug for PluginRecord {
    /// Neither keys nor configured values: a configuration may hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginRecord")
            .field("id", self.manifest.id())
            .field("version", self.manifest.version())
            .field("desired", &self.desired)
            .field("configured", &self.config.is_some())
            .field("image_id", &self.image_id)
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

/// A stored plugin that cannot be read. Its row stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CorruptEntry {
    /// Its id as it is stored, which may not be a valid one.
    pub(crate) id_text: String,
    /// What is wrong with it, without secrets.
    pub(crate) reason: String,
}

/// That a plugin is in the store, and the image that it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownPlugin {
    /// Its id as it is stored, which may not be a valid one.
    pub(crate) id_text: String,
    /// Whether all of its row can be read.
    pub(crate) readable: bool,
    pub(crate) image_id: Option<String>,
    /// That of the version which a roll back would go to.
    pub(crate) previous_image_id: Option<String>,
}
