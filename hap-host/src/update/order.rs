use serde_json::Value;

use super::PluginVersion;

/// An update whose image is there and which nothing stands against: what is left is to carry it out.
#[derive(Debug)]
pub(crate) struct UpdateOrder {
    pub version: PluginVersion,
    pub settings: SettingsChange,
    /// The data is copied before anything changes.
    pub snapshot: bool,
    /// The data of this snapshot, of the previous version, comes back with it.
    pub restore: Option<u32>,
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
