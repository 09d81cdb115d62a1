//! The containers of one instance at a moment.

use std::collections::BTreeMap;

use hap_manifest::PluginId;

use super::observed::Observed;

/// All containers of the instance at one moment.
pub(crate) type Listing = BTreeMap<PluginId, Observed>;
