use std::collections::BTreeMap;

use hap_manifest::{PluginId, package::PackageKey};

/// The runtimes that the embedder chose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Runtimes {
    pub(super) default: Option<String>,
    pub(super) by_plugin: BTreeMap<PluginId, String>,
    pub(super) by_key: Vec<(PackageKey, String)>,
}
