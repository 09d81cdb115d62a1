//! What of a plugin a person consents to here.

use hap_manifest::{
    Manifest,
    permission::{Consent, Permission, Publisher},
};

use super::grants::InstallOrigin;

/// What a person is asked about a plugin that comes to this host from there.
pub(crate) fn consent(
    manifest: &Manifest,
    origin: InstallOrigin,
    requested: impl IntoIterator<Item = Permission>,
) -> Consent {
    Consent::new(manifest)
        .requesting(requested)
        .publisher(publisher(manifest, origin))
}

fn publisher(manifest: &Manifest, origin: InstallOrigin) -> Publisher {
    match origin {
        InstallOrigin::Signed(key) => Publisher::signed(key.to_string(), key.id()),
        InstallOrigin::Build => Publisher::Unsigned,
        InstallOrigin::Image => {
            let image = manifest.image();
            let name = image.repository();
            let registry = image.registry();
            Publisher::image(
                registry.map_or_else(|| name.to_owned(), |registry| format!("{registry}/{name}")),
            )
        }
    }
}
