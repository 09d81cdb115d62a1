//! Names of what is made in the engine for a plugin.

use std::fmt::Write as _;

use hap_manifest::{ImageRef, Manifest, ParseError, PluginId};
use semver::Version;
use sha2::{Digest as _, Sha256};

use super::instance::InstanceName;

/// The name of a plugin's container, which those of its volumes begin with.
pub(crate) fn container_name(instance: &InstanceName, plugin: &PluginId) -> String {
    format!("hap.{instance}.{plugin}")
}

/// What the tags of an instance's own images begin with. An operator has none there.
pub(crate) fn image_prefix(instance: &InstanceName) -> String {
    format!("hap/{instance}/")
}

/// The tag of an image that is built for a plugin. It is the host's choice alone: a name of the
/// manifest's could be one that the operator uses for something else.
pub(crate) fn image_tag(
    instance: &InstanceName,
    plugin: &PluginId,
    version: &Version,
) -> Result<ImageRef, ParseError> {
    // A tag has no `+`, and a version no `_`, so different versions keep different tags.
    let mut tag = version.to_string().replace('+', "_");
    if tag.len() > MAX_TAG {
        let digest = hex(&Sha256::digest(tag.as_bytes()));
        tag.truncate(MAX_TAG - 17);
        tag = format!("{tag}_{}", digest.get(..16).unwrap_or_default());
    }
    let prefix = image_prefix(instance);
    let name = repository_part(plugin.as_str());
    format!("{prefix}{name}:{tag}").parse()
}

/// Longest tag of an image, in bytes.
const MAX_TAG: usize = 128;

/// A plugin's id as a part of a repository. One that an engine would take for an image's id gets
/// another look.
fn repository_part(id: &str) -> String {
    let is_id = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { format!("id-{id}") } else { id.to_owned() }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(plugin: &str, version: &str) -> String {
        let instance = InstanceName::new("home-1").unwrap();
        let version = Version::parse(version).unwrap();
        image_tag(&instance, &PluginId::new(plugin).unwrap(), &version)
            .unwrap()
            .to_string()
    }

    #[test]
    fn every_version_has_a_tag_of_its_own_below_the_instance() {
        assert_eq!(tag("light", "1.2.3"), "hap/home-1/light:1.2.3");
        assert_eq!(tag("a--b", "1.0.0-rc.1+b.2"), "hap/home-1/a--b:1.0.0-rc.1_b.2");
        let long = |end| tag("light", &format!("1.0.0+{}{end}", "a".repeat(200)));
        assert_ne!(long("b"), long("c"));
        assert!(long("b").len() <= "hap/home-1/light:".len() + MAX_TAG);
    }
}
