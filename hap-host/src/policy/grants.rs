use hap_manifest::{
    Manifest,
    permission::{Permission, requested},
};
use serde::{Deserialize, Serialize};

use super::Origin;

/// What was decided about a plugin when it was let in, as it is kept with it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Admission {
    origin: Origin,
    granted: Vec<Permission>,
}

impl Admission {
    /// Keeps of the grants what the manifest asks for: a later version that asks for more needs a new consent.
    pub(crate) fn new(
        origin: Origin,
        grants: impl IntoIterator<Item = Permission>,
        manifest: &Manifest,
    ) -> Self {
        let asked = requested(manifest);
        let mut granted: Vec<_> = grants.into_iter().collect();
        granted.retain(|grant| asked.iter().any(|permission| grant.covers(permission)));
        granted.sort();
        granted.dedup();
        Self { origin, granted }
    }

    /// Everything that the manifest asks for was consented to.
    pub(crate) fn of_everything(origin: Origin, manifest: &Manifest) -> Self {
        Self::new(origin, requested(manifest), manifest)
    }

    /// The same without what was revoked.
    pub(crate) fn without(&self, revoked: &[Permission]) -> Self {
        let kept = self.granted.iter().filter(|grant| !revoked.contains(grant));
        Self {
            origin: self.origin,
            granted: kept.cloned().collect(),
        }
    }

    pub(crate) const fn origin(&self) -> Origin {
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
