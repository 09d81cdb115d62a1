//! Whether a manifest asks for something that this host does not give. Refused before anything is installed, so
//! that no plugin runs with less than it needs, or with more than the operator knows of.

use hap_manifest::{Manifest, wire::PROTOCOL_VERSION};
use semver::Version;

use crate::{
    error::{Error, ErrorKind},
    options::InstallOptions,
};

/// Checks a manifest against what this host gives and what the caller of the installation grants.
pub(crate) fn admit(manifest: &Manifest, options: &InstallOptions) -> Result<(), Error> {
    let refuse =
        |message: String| Err(Error::new(ErrorKind::InvalidInput, message).with_plugin(manifest.id()));
    if let Some(needed) = manifest.platform() {
        let ours = Version::new(PROTOCOL_VERSION.into(), 0, 0);
        if !needed.matches(&ours) {
            return refuse(format!("it needs platform {needed}, and this host speaks {ours}"));
        }
    }
    if let Some(device) = manifest.devices().first() {
        return refuse(format!(
            "it asks for the device {device}, and this host gives plugins no devices"
        ));
    }
    if let Some(capability) = manifest.capabilities().first() {
        return refuse(format!(
            "it asks for the capability {capability}, and this host gives plugins none"
        ));
    }
    if manifest.writable_rootfs() && !options.writable_rootfs {
        return refuse(
            "it asks for a writable root file system: grant it with InstallOptions::grant_writable_rootfs, or let \
             the plugin write to /tmp or to a volume"
                .to_owned(),
        );
    }
    if manifest.device_access() {
        tracing::warn!(plugin = %manifest.id(), "it may use the host's devices, and the host has none for plugins");
    }
    if !manifest.depends_on().is_empty() {
        tracing::warn!(plugin = %manifest.id(), "the order of depends_on is not kept: start what it depends on first");
    }
    if manifest.restart().is_some() {
        tracing::warn!(plugin = %manifest.id(), "its own restart policy is not used: the supervisor's holds for all");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(extra: &str) -> Manifest {
        let text = format!(
            r#"{{"id":"light","name":"Light","version":"1.0.0","description":"d","author":"a",
                "image":"light:1","api_port":8000{extra}}}"#
        );
        Manifest::from_json(&text).unwrap().manifest
    }

    #[track_caller]
    fn refused(extra: &str) -> String {
        let error = admit(&manifest(extra), &InstallOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        error.to_string()
    }

    #[test]
    fn a_plugin_that_asks_for_nothing_special_is_admitted() {
        for extra in [
            "",
            r#","platform":"^1""#,
            r#","device_access":true"#,
            r#","user":"65534""#,
        ] {
            admit(&manifest(extra), &InstallOptions::default()).unwrap();
        }
    }

    #[test]
    fn what_the_host_does_not_give_is_refused_by_name() {
        let device = refused(r#","device_access":true,"devices":["/dev/ttyUSB0"]"#);
        assert!(device.contains("/dev/ttyUSB0"), "{device}");
        let capability = refused(r#","capabilities":["NET_ADMIN"]"#);
        assert!(capability.contains("NET_ADMIN"), "{capability}");
        let platform = refused(r#","platform":">=2""#);
        assert!(
            platform.contains(">=2") && platform.contains("1.0.0"),
            "{platform}"
        );
    }

    #[test]
    fn a_writable_root_has_to_be_granted() {
        let asked = r#","writable_rootfs":true"#;
        assert!(refused(asked).contains("grant_writable_rootfs"));
        admit(
            &manifest(asked),
            &InstallOptions::default().grant_writable_rootfs(true),
        )
        .unwrap();
    }
}
