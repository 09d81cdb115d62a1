use hap_manifest::{
    Manifest,
    package::PackageKey,
    permission::{Permission, requested},
};
use serde::{Deserialize, Serialize};

use super::runs_as::RunsAs;

/// How a plugin came to this host. A policy of a later start judges it by that again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum InstallOrigin {
    /// By a manifest whose image is pulled, or was put on the machine by someone.
    #[default]
    Image,
    /// By a folder or a package, from which its image was built: nobody knows which, because a
    /// version from before recorded it.
    Build,
    /// By a folder, from which its image was built.
    Folder,
    /// By a package that no trusted key has signed, from which its image was built.
    Package,
    /// By a package that was signed with a key that was trusted then, from which its
    /// image was built.
    Signed(PackageKey),
}

/// What was decided about a plugin when it was let in, as it is kept with it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Admission {
    origin: InstallOrigin,
    granted: Vec<Permission>,
    /// Absent in what the version before stored.
    #[serde(default)]
    runs_as: RunsAs,
}

impl Admission {
    /// Keeps of the grants what the manifest asks for: a later version that asks for more
    /// needs a new consent.
    pub(crate) fn new(
        origin: InstallOrigin,
        grants: impl IntoIterator<Item = Permission>,
        manifest: &Manifest,
    ) -> Self {
        let asked = requested(manifest);
        let mut granted: Vec<_> = grants.into_iter().collect();
        granted.retain(|grant| asked.iter().any(|permission| grant.covers(permission)));
        granted.sort();
        granted.dedup();
        Self {
            origin,
            granted,
            runs_as: RunsAs::default(),
        }
    }

    /// Everything that the manifest asks for was consented to.
    pub(crate) fn of_everything(origin: InstallOrigin, manifest: &Manifest) -> Self {
        Self::new(origin, requested(manifest), manifest)
    }

    /// The same with, or without, the consent to a build, which no manifest asks for.
    pub(crate) fn with_build(mut self, granted: bool) -> Self {
        self.granted.retain(|grant| *grant != Permission::Build);
        if granted {
            self.granted.push(Permission::Build);
            self.granted.sort();
        }
        self
    }

    /// The same for a program that runs as someone else.
    pub(crate) fn with_runs_as(self, runs_as: RunsAs) -> Self {
        Self { runs_as, ..self }
    }

    /// Who the program runs as.
    pub(crate) const fn runs_as(&self) -> &RunsAs {
        &self.runs_as
    }

    /// The same without what was revoked.
    pub(crate) fn without(&self, revoked: &[Permission]) -> Self {
        let kept = self.granted.iter().filter(|grant| !revoked.contains(grant));
        Self {
            origin: self.origin,
            granted: kept.cloned().collect(),
            runs_as: self.runs_as.clone(),
        }
    }

    pub(crate) const fn origin(&self) -> InstallOrigin {
        self.origin
    }

    /// What was granted, ordered, nothing twice.
    pub(crate) fn granted(&self) -> &[Permission] {
        &self.granted
    }

    pub(crate) fn has(&self, permission: &Permission) -> bool {
        self.granted.iter().any(|grant| grant.covers(permission))
    }
}
