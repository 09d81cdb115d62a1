use std::path::PathBuf;

use hap_manifest::permission::Permission;
use serde_json::Value;

use crate::engine::progress::ProgressSink;

/// How to update a plugin.
#[derive(Clone, Default)]
pub struct UpdateOptions {
    pub(crate) program: Option<PathBuf>,
    pub(crate) progress: Option<ProgressSink>,
    pub(crate) grants: Vec<Permission>,
    pub(crate) grants_all: bool,
    pub(crate) settings: Option<Value>,
    pub(crate) downgrade: bool,
    pub(crate) without_snapshot: bool,
    pub(crate) even_if_dependants_break: bool,
}

impl UpdateOptions {
    /// Grants something that the new version asks for and the old one was not granted. Default:
    /// what the plugin was granted stays granted, and nothing else is.
    #[must_use]
    pub fn grant(mut self, permission: Permission) -> Self {
        self.grants.push(permission);
        self
    }

    /// Grants everything that the new version asks for, after its owner was shown what
    /// [`permission::added`](hap_manifest::permission::added) says.
    #[must_use]
    pub const fn grant_all_requested(mut self) -> Self {
        self.grants_all = true;
        self
    }

    /// Gives the plugin other settings with the new version, for a `config_schema` that the kept
    /// ones do not fit. They come back with the old version. A secret that says `[REDACTED]` stays
    /// as it is. Default: the kept ones.
    #[must_use]
    pub fn settings(mut self, settings: Value) -> Self {
        self.settings = Some(settings);
        self
    }

    /// Lets the plugin go to a lower version than it has. Default: that is refused.
    #[must_use]
    pub const fn allow_downgrade(mut self) -> Self {
        self.downgrade = true;
        self
    }

    /// Leaves out the copy of the plugin's volumes, for data that is large or can be made again: a
    /// version that fails leaves behind what it wrote. Default: they are copied, while the plugin
    /// is stopped, where the engine can do that.
    #[must_use]
    pub const fn without_snapshot(mut self) -> Self {
        self.without_snapshot = true;
        self
    }

    /// Updates also to a version that plugins which depend on this one do not accept; they go on
    /// without it, degraded. Default: that is refused.
    #[must_use]
    pub const fn even_if_dependants_break(mut self) -> Self {
        self.even_if_dependants_break = true;
        self
    }

    /// The program that stands for the image on an engine without images. Default: the one that
    /// the plugin has.
    #[must_use]
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = Some(program.into());
        self
    }

    /// Is told what reading, pulling and building do; see
    /// [`InstallOptions::progress`](crate::supervisor::options::InstallOptions::progress).
    #[must_use]
    pub fn progress(mut self, sink: ProgressSink) -> Self {
        self.progress = Some(sink);
        self
    }

    pub(crate) fn sink(&self) -> ProgressSink {
        self.progress.clone().unwrap_or_else(ProgressSink::none)
    }
}

impl std::fmt::Debug for UpdateOptions {
    /// Without the settings, some of which are secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpdateOptions")
            .field("grants", &self.grants)
            .field("grants_all", &self.grants_all)
            .field("settings", &self.settings.is_some())
            .field("downgrade", &self.downgrade)
            .field("without_snapshot", &self.without_snapshot)
            .field("even_if_dependants_break", &self.even_if_dependants_break)
            .finish_non_exhaustive()
    }
}

/// How to go back to the version before the last update. Default: with the data as it is now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RollBackOptions {
    pub(crate) restore_data: bool,
    pub(crate) even_if_dependants_break: bool,
}

impl RollBackOptions {
    /// Puts back the data as the old version left it. What was written since is lost, unless the
    /// plugin fails in this version too and comes back to the newer one.
    #[must_use]
    pub const fn restore_data(mut self, restore: bool) -> Self {
        self.restore_data = restore;
        self
    }

    /// Goes back also to a version that plugins which depend on this one do not accept; they go on
    /// without it, degraded. Default: that is refused, unless the new version is still watched.
    #[must_use]
    pub const fn even_if_dependants_break(mut self) -> Self {
        self.even_if_dependants_break = true;
        self
    }
}
