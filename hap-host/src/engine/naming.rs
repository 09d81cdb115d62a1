//! Names of what is made in the engine for a plugin.

use std::fmt::Write as _;

use hap_manifest::{Manifest, PluginId};
use sha2::{Digest as _, Sha256};

use super::instance::InstanceName;

/// The name of a plugin's container, which those of its volumes begin with.
pub(crate) fn container_name(instance: &InstanceName, plugin: &PluginId) -> String {
    format!("hap.{instance}.{plugin}")
}

/// The names of a plugin's volumes, in the order of its manifest.
pub(crate) fn volume_names(instance: &InstanceName, manifest: &Manifest) -> Vec<String> {
    let name = container_name(instance, manifest.id());
    let volumes = manifest.volumes().iter();
    volumes.map(|path| volume_name(&name, path.as_str())).collect()
}

/// Name of the volume for one path: readable, and different for paths that differ in any character.
pub(crate) fn volume_name(container: &str, path: &str) -> String {
    let readable: String = path
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(40)
        .collect();
    let tag = hex(&Sha256::digest(path.as_bytes()));
    let tag = tag.get(..8).unwrap_or_default();
    format!("{container}.{}-{tag}", readable.trim_matches('-'))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
