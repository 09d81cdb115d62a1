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
    let consent = Consent::new(manifest).requesting(requested);
    match publisher(manifest, origin) {
        Some(publisher) => consent.publisher(publisher),
        None => consent,
    }
}

/// Who published a plugin that came to this host from there; `None` where nobody has recorded it.
pub(crate) fn publisher(manifest: &Manifest, origin: InstallOrigin) -> Option<Publisher> {
    match origin {
        InstallOrigin::Signed(key) => Some(Publisher::signed(key.to_string(), key.id())),
        InstallOrigin::Folder => Some(Publisher::Folder),
        InstallOrigin::Package => Some(Publisher::Unsigned),
        InstallOrigin::Build => None,
        InstallOrigin::Image => {
            let image = manifest.image();
            let name = image.repository();
            let registry = image.registry();
            Some(Publisher::image(registry.map_or_else(
                || name.to_owned(),
                |registry| format!("{registry}/{name}"),
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::grants::Admission;

    #[test]
    fn what_a_version_before_recorded_of_a_signed_plugin_and_an_image_is_known_and_else_nothing_is() {
        let manifest = Manifest::builder("light", "Light", "1.0.0", "ghcr.io/acme/light:1").build();
        let manifest = manifest.unwrap();
        let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
        for (origin, known) in [
            (r#""build""#.to_owned(), None),
            (
                r#""image""#.to_owned(),
                Some("image:ghcr.io/acme/light".to_owned()),
            ),
            (format!(r#"{{"signed":"{key}"}}"#), Some(format!("signed:{key}"))),
        ] {
            let stored = format!(r#"{{"origin":{origin},"granted":[]}}"#);
            let admission: Admission = serde_json::from_str(&stored).unwrap();
            let told = publisher(&manifest, admission.origin()).map(|publisher| publisher.id());
            assert_eq!(told, known);
        }
    }
}
