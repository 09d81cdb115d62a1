//! What a plugin asked for, what it was granted, and how that is changed.

use std::sync::Arc;

use hap_manifest::permission::{Consent, Permission, Publisher, requested};
use serde::Serialize;

use super::PluginHandle;
use crate::{
    error::Error,
    model::consent::{consent, publisher},
    plugin::request::Request,
    policy::violation::PolicyViolation,
};

/// What a plugin asks for beyond what every plugin gets, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PluginPermissions {
    /// What it asks for, as its owner is shown it: what its manifest says, and
    /// [`Permission::Build`] where that was granted.
    pub consent: Consent,
    /// What it was granted, with its installation or later. What the policy gives to whoever asks
    /// is not among it.
    pub granted: Vec<Permission>,
    /// Why it may not run, none if it may.
    #[serde(rename = "refusals")]
    pub violations: Vec<PolicyViolation>,
}

impl PluginHandle {
    /// What the plugin asks for beyond what every plugin gets, and what became of it.
    #[must_use]
    pub fn permissions(&self) -> PluginPermissions {
        let cell = self.cell();
        let version = Arc::clone(&cell.snapshot.borrow().told.version);
        let builds = version.admission.has(&Permission::Build);
        let mut requested = requested(&version.manifest);
        requested.splice(..0, builds.then_some(Permission::Build));
        PluginPermissions {
            consent: consent(&version.manifest, version.admission.origin(), requested),
            granted: version.admission.granted().to_vec(),
            violations: cell.shared.policy.judge(&version.manifest, &version.admission),
        }
    }

    /// Who published the version that it has, as far as this host can tell. `None` where a version of
    /// the host from before did not record it: the next update does.
    #[must_use]
    pub fn publisher(&self) -> Option<Publisher> {
        let version = Arc::clone(&self.cell().snapshot.borrow().told.version);
        publisher(&version.manifest, version.admission.origin())
    }

    /// Replaces what the plugin was granted, on disk before anything happens; what its manifest
    /// does not ask for is left out. A plugin that may no longer run is stopped, one that was held
    /// back by the lack of a grant and is wanted running starts.
    ///
    /// # Errors
    /// As [`set_desired`](Self::set_desired).
    ///
    /// # Cancel safety
    /// When the future is dropped, it may or may not have been recorded.
    pub async fn set_grants(&self, grants: impl IntoIterator<Item = Permission>) -> Result<(), Error> {
        let grants = grants.into_iter().collect();
        self.request(|reply| Request::Grant(grants, reply)).await
    }
}
