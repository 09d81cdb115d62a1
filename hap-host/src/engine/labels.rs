//! Labels that mark what is ours. A container, network or volume without them is never touched.

use std::collections::BTreeMap;

use hap_manifest::{ImageRef, PluginId};

use super::instance::InstanceName;

/// On everything that the supervisor makes; the value is the format of these labels.
pub const SCHEMA: &str = "hap.schema";
/// The format of the labels that this version writes.
pub const SCHEMA_VERSION: &str = "1";
/// The supervisor that owns it.
pub const INSTANCE: &str = "hap.instance";
/// The plugin, on containers and volumes.
pub const PLUGIN_ID: &str = "hap.plugin.id";
/// The plugin's version, on containers.
pub const PLUGIN_VERSION: &str = "hap.plugin.version";
/// The port that the plugin listens on, on containers.
pub const PLUGIN_PORT: &str = "hap.plugin.port";
/// Digest of the spec that the container was created from.
pub const SPEC_DIGEST: &str = "hap.spec.digest";

/// The seal on a container, which no image can know: what [`SealKey::seal`] makes.
///
/// [`SealKey::seal`]: super::SealKey::seal
pub const SEAL: &str = "hap.seal";

/// On the container by which volumes are copied, in place of [`INSTANCE`]: it is no plugin's, never
/// runs, and is gone when the copy is made.
pub const COPY_INSTANCE: &str = "hap.copy.instance";

/// On the containers by which isolation is measured, in place of [`INSTANCE`]: they are no plugin's, and
/// are gone when it is measured.
pub const PROBE_INSTANCE: &str = "hap.probe.instance";
/// On the image of those containers.
pub const PROBE_IMAGE: &str = "hap.probe.image";

/// How often the plugin's keys were rotated, on containers; absent before the first time.
pub const KEY_GENERATION: &str = "hap.keys";
/// How often the operator's environment variables were changed, on containers; absent before
/// the first time.
pub const ENV_GENERATION: &str = "hap.env";
/// The supervisor that an image was built for, on images. Containers inherit an image's labels, so
/// none of those by which containers are known may be on an image.
pub const IMAGE_INSTANCE: &str = "hap.image.instance";
/// The plugin that an image was built for, on images.
pub const IMAGE_PLUGIN: &str = "hap.image.plugin";
/// The tag that an image was built under, on images: one with another tag was built from ours
/// by somebody else.
pub const IMAGE_TAG: &str = "hap.image.tag";

/// The labels of everything that belongs to an instance.
pub(crate) fn of_instance(instance: &InstanceName) -> BTreeMap<String, String> {
    BTreeMap::from([
        (SCHEMA.to_owned(), SCHEMA_VERSION.to_owned()),
        (INSTANCE.to_owned(), instance.as_str().to_owned()),
    ])
}

/// The labels of everything that belongs to one plugin of an instance.
pub(crate) fn of_plugin(instance: &InstanceName, plugin: &PluginId) -> BTreeMap<String, String> {
    let mut labels = of_instance(instance);
    labels.insert(PLUGIN_ID.to_owned(), plugin.as_str().to_owned());
    labels
}

/// The labels of an image that is built for one plugin of an instance.
pub(crate) fn of_image(
    instance: &InstanceName,
    plugin: &PluginId,
    image: &ImageRef,
) -> BTreeMap<String, String> {
    BTreeMap::from([
        (IMAGE_TAG.to_owned(), whole_tag(image)),
        (IMAGE_INSTANCE.to_owned(), instance.as_str().to_owned()),
        (IMAGE_PLUGIN.to_owned(), plugin.as_str().to_owned()),
    ])
}

/// The labels by which containers are known, emptied: for an image that is built here, so that what
/// its author wrote under these names does not come to the containers that are made from it.
#[cfg(feature = "docker")]
pub(crate) fn neutral() -> impl Iterator<Item = (&'static str, &'static str)> {
    [
        SCHEMA,
        INSTANCE,
        PLUGIN_ID,
        PLUGIN_VERSION,
        PLUGIN_PORT,
        SPEC_DIGEST,
        SEAL,
        COPY_INSTANCE,
        PROBE_INSTANCE,
        PROBE_IMAGE,
        KEY_GENERATION,
        ENV_GENERATION,
    ]
    .into_iter()
    .map(|label| (label, ""))
}

/// A reference as engines print it among an image's tags.
fn whole_tag(image: &ImageRef) -> String {
    let tag = image.tag().unwrap_or("latest");
    let repository = image.repository();
    match image.registry() {
        Some(registry) if !matches!(registry, "docker.io" | "index.docker.io") => {
            format!("{registry}/{repository}:{tag}")
        }
        _ => format!(
            "{}:{tag}",
            repository.strip_prefix("library/").unwrap_or(repository)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_written_as_engines_print_it() {
        for (reference, printed) in [
            ("light", "light:latest"),
            ("home/light:1.2", "home/light:1.2"),
            ("docker.io/library/light:1", "light:1"),
            ("localhost:5000/light", "localhost:5000/light:latest"),
        ] {
            assert_eq!(whole_tag(&reference.parse().unwrap()), printed);
        }
    }
}
