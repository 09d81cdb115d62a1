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
        violation::{PolicyViolation, volumes_line},
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
        ImageVolumes::Refuse => Err(
            Error::not_permitted(vec![PolicyViolation::ImageVolumes { paths }]).with_plugin(manifest.id()),
        ),
        ImageVolumes::Cover(bytes) => {
            let all: Vec<_> = manifest
                .volumes()
                .iter()
                .map(ToString::to_string)
                .chain(paths.iter().cloned())
                .collect();
            let message = format!(
                "its image declares the volumes {}, which its manifest does not name: each is a memory file system of \
                 {} MiB instead, empty after each start; to keep what is written there, write {} into the manifest",
                paths.join(", "),
                bytes >> 20,
                volumes_line(&all)
            );
            tracing::warn!(plugin = %manifest.id(), "{message}");
            progress.report(Progress::Step(message));
            Ok(())
        }
    }
}
