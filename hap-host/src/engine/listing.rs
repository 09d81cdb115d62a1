//! The containers of one instance at a moment.

use std::collections::BTreeMap;

use hap_manifest::PluginId;

use super::observed::Observed;

/// The containers of an instance at one moment that its supervisor made.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The container of each plugin.
    pub(crate) ours: BTreeMap<PluginId, Observed>,
    /// Copies of them under other names.
    pub(crate) copies: BTreeMap<PluginId, Vec<Observed>>,
}
