//! Whether a plugin may be installed. Judged before anything is done, so that no plugin runs with
//! less than it needs, or with more than its owner knows of.

#[cfg(feature = "config-schema")]
use hap_manifest::ConfigSchema;
use hap_manifest::{Manifest, package::Dockerfile, wire::PROTOCOL_VERSION};
use semver::Version;

use super::context::Shared;
use crate::{
    error::{Error, ErrorKind},
    model::grants::Admission,
    reconcile::dependencies::{broken_by, circle, unmet},
};

/// Refuses a version that plugins which depend on this one do not accept, while they accept the
/// one that it has.
pub(crate) fn refuse_if_it_breaks_dependants(manifest: &Manifest, shared: &Shared) -> Result<(), Error> {
    let broken = broken_by(manifest.id(), manifest.version(), &shared.board.borrow());
    if broken.is_empty() {
        return Ok(());
    }
    let message = format!(
        "version {} would break what depends on it: {}; update those first, or say so with \
         ignore_dependents of the request",
        manifest.version(),
        broken.join(", ")
    );
    Err(Error::new(ErrorKind::Dependency, message).with_plugin(manifest.id()))
}

/// Checks a manifest, and the Dockerfile that its image would be built from, against what this host
/// gives and what the caller of the installation grants.
pub(crate) fn admit(
    manifest: &Manifest,
    admission: &Admission,
    dockerfile: Option<&Dockerfile>,
    shared: &Shared,
) -> Result<(), Error> {
    let refuse = |kind, message: String| Err(Error::new(kind, message).with_plugin(manifest.id()));
    check_schema(manifest)?;
    if let Some(needed) = manifest.platform() {
        let ours = Version::new(PROTOCOL_VERSION.into(), 0, 0);
        if !needed.matches(&ours) {
            let message = format!("it needs platform {needed}, and this host speaks {ours}");
            return refuse(ErrorKind::InvalidInput, message);
        }
    }
    let mut refusals = shared.policy.judge(manifest, admission);
    if let Some(dockerfile) = dockerfile {
        refusals.extend(shared.policy.evaluate_build(dockerfile, admission.granted()));
    }
    if !refusals.is_empty() {
        return Err(Error::not_permitted(refusals).with_plugin(manifest.id()));
    }
    let board = shared.board.borrow();
    if let Some(circle) = circle(manifest.id(), manifest.depends_on(), &board) {
        let message = format!("it would depend on itself: {circle}");
        return refuse(ErrorKind::Dependency, message);
    }
    for unmet in unmet(manifest.depends_on(), &board) {
        tracing::info!(plugin = %manifest.id(), "it will wait for {unmet}");
    }
    Ok(())
}

/// Refuses a manifest whose schema cannot be used, before the plugin is installed.
#[cfg(feature = "config-schema")]
pub(crate) fn check_schema(manifest: &Manifest) -> Result<(), Error> {
    ConfigSchema::of(manifest).map(drop).map_err(|error| {
        let message = format!("its settings could never be checked: {error}");
        Error::new(ErrorKind::InvalidInput, message).with_plugin(manifest.id())
    })
}

#[cfg(not(feature = "config-schema"))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the same call with and without the feature"
)]
pub(crate) fn check_schema(_: &Manifest) -> Result<(), Error> {
    Ok(())
}
