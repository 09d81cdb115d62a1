use hap_manifest::permission::{Consent, Permission, PermissionText};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{plugin::handle::permissions::PluginPermissions, policy::violation::PolicyViolation};

/// What a plugin asks for beyond what every plugin gets, and what became of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::management) struct Permissions {
    #[serde(flatten)]
    pub consent: Consent,
    /// What it asks for as plain text of several lines, for a terminal.
    pub text: String,
    /// What it was granted. What the policy gives to whoever asks is not among it.
    pub granted: Vec<PermissionText>,
    /// Why it may not run, none if it may.
    pub refusals: Vec<RefusalReason>,
}

impl Permissions {
    pub(in crate::management) fn of(permissions: PluginPermissions) -> Self {
        Self {
            text: permissions.consent.to_string(),
            consent: permissions.consent,
            granted: permissions
                .granted
                .into_iter()
                .map(PermissionText::from)
                .collect(),
            refusals: permissions.violations.iter().map(RefusalReason::of).collect(),
        }
    }
}

/// One reason why a plugin is not permitted.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::management) struct RefusalReason {
    /// The reason in words that complete "it".
    pub text: String,
    /// What its owner would have to grant, by its short name; null where the policy alone decides.
    pub grantable: Option<String>,
}

impl RefusalReason {
    pub(in crate::management) fn of(refusal: &PolicyViolation) -> Self {
        Self {
            text: refusal.to_string(),
            grantable: refusal.missing_permission().map(Permission::id),
        }
    }
}

/// What an installation would take: what its owner is asked, and what the host says to it.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::management) struct Review {
    #[serde(flatten)]
    pub consent: Consent,
    /// What is asked as plain text of several lines, for a terminal.
    pub text: String,
    /// What stands against it with the grants of the request, none if nothing does.
    pub refusals: Vec<RefusalReason>,
    /// What else is worth knowing about the manifest, such as keys that are not known.
    pub warnings: Vec<String>,
}
