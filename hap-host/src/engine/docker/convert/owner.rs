//! Whose something is, by its labels.

use std::collections::HashMap;

use bollard::models::ContainerInspectResponse;
use hap_manifest::PluginId;

use crate::engine::{instance::InstanceName, labels};

/// Whether labels say that something belongs to an instance, and to a plugin of it
/// where one is named.
pub(in crate::engine::docker) fn carries(
    found: &HashMap<String, String>,
    instance: &InstanceName,
    plugin: Option<&PluginId>,
) -> bool {
    let has = |name: &str, value: &str| found.get(name).is_some_and(|found| found == value);
    has(labels::INSTANCE, instance.as_str())
        && plugin.is_none_or(|plugin| has(labels::PLUGIN_ID, plugin.as_str()))
}

/// Whether any supervisor made this container.
pub(in crate::engine::docker) fn is_ours(found: &ContainerInspectResponse) -> bool {
    let instance = labels_of(found).and_then(|labels| labels.get(labels::INSTANCE));
    // Images that are built here have it, emptied.
    instance.is_some_and(|instance| !instance.is_empty())
}

pub(in crate::engine::docker) fn labels_of(
    found: &ContainerInspectResponse,
) -> Option<&HashMap<String, String>> {
    found.config.as_ref()?.labels.as_ref()
}
