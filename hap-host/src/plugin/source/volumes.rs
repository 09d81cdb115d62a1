//! Volumes that an image declares and its manifest does not name.

use hap_manifest::Manifest;

use crate::{
    engine::{
        ImageId,
        deadline::{self, within},
        progress::{Progress, ProgressSink},
    },
    error::{Error, ErrorKind},
    plugin::context::Shared,
    policy::{
        image_volumes::ImageVolumes,
        violation::{PolicyViolation, volumes_advice},
    },
};

/// Tells of them, or refuses them, as the policy says.
pub(super) async fn look(
    shared: &Shared,
    manifest: &Manifest,
    image: &ImageId,
    progress: &ProgressSink,
) -> Result<(), Error> {
    let looked = shared.engine.image_volumes(image);
    let declared = within(deadline::CONTROL, "image volumes", image.as_str(), looked)
        .await
        .map_err(|error| {
            let message = format!("its image cannot be looked at: {error}");
            Error::new(ErrorKind::Image, message)
                .with_source(error)
                .with_plugin(manifest.id())
        })?;
    let named = |path: &String| {
        let mut all = manifest.volumes().iter().chain(manifest.tmpfs());
        path == "/tmp" || all.any(|named| named.as_str() == path)
    };
    let paths: Vec<String> = declared.into_iter().filter(|path| !named(path)).collect();
    if paths.is_empty() {
        return Ok(());
    }
    match shared.policy.volumes_of_images() {
        ImageVolumes::Refuse => {
            let volumes = with(manifest, &paths);
            let violation = PolicyViolation::ImageVolumes { paths, volumes };
            Err(Error::not_permitted(vec![violation]).with_plugin(manifest.id()))
        }
        ImageVolumes::Cover(bytes) => {
            let message = format!(
                "its image declares the volumes {}, which its manifest does not name: each is a memory file system of \
                 {} MiB instead, empty after each start; to have kept what is written there, its author {}",
                paths.join(", "),
                bytes >> 20,
                volumes_advice(&paths, &with(manifest, &paths))
            );
            tracing::warn!(plugin = %manifest.id(), "{message}");
            progress.report(Progress::Step(message));
            Ok(())
        }
    }
}

/// The volumes of a manifest, and those of `paths` that may be among them.
fn with(manifest: &Manifest, paths: &[String]) -> Vec<String> {
    let mut wanted = manifest.clone();
    for path in paths {
        // The manifest's own rules decide: an offer that they refuse would help nobody.
        if let Ok(with) = wanted.to_builder().volume(path).build() {
            wanted = with;
        }
    }
    wanted.volumes().iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_manifest_takes_is_offered_for_its_volumes() {
        let manifest = Manifest::builder("light", "Light", "1.0.0", "light:1")
            .volume("/data")
            .build()
            .unwrap();
        let paths = ["/bin", "/data/cache", "/etc/hosts", "/scratch", "/with:colon"].map(ToOwned::to_owned);
        let volumes = with(&manifest, &paths);
        assert_eq!(volumes, ["/data", "/scratch"]);
        assert_eq!(
            volumes_advice(&paths, &volumes),
            "writes \"volumes\": [\"/data\", \"/scratch\"] into the manifest, and takes VOLUME /bin /data/cache \
             /etc/hosts /with:colon out of the image, because no manifest may name that"
        );
        let none = ["/bin".to_owned()];
        assert_eq!(
            volumes_advice(&none, &with(&manifest, &none)),
            "takes VOLUME /bin out of the image, because no manifest may name that"
        );
        let one = ["/scratch".to_owned()];
        assert_eq!(
            volumes_advice(&one, &with(&manifest, &one)),
            "writes \"volumes\": [\"/data\", \"/scratch\"] into the manifest"
        );
    }
}
