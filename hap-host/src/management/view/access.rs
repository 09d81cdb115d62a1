use hap_manifest::permission::Permission;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{plugin::handle::permissions::PluginPermissions, policy::violation::PolicyViolation};

/// What a plugin asks for beyond what every plugin gets, and what became of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::management) struct Permissions {
    /// What its manifest asks for.
    pub requested: Vec<PermissionView>,
    /// What it was granted. What the policy gives to whoever asks is not among it.
    pub granted: Vec<PermissionView>,
    /// Why it may not run, none if it may.
    pub refusals: Vec<RefusalReason>,
}

impl Permissions {
    pub(in crate::management) fn of(permissions: &PluginPermissions) -> Self {
        Self {
            requested: PermissionView::all(&permissions.requested),
            granted: PermissionView::all(&permissions.granted),
            refusals: permissions.violations.iter().map(RefusalReason::of).collect(),
        }
    }
}

/// One thing that a plugin asks for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Permission")]
pub(in crate::management) struct PermissionView {
    /// Its short name, by which it is granted, such as `network` and `device:/dev/ttyUSB0`.
    pub id: String,
    /// What it is for people, completing "this plugin wants to".
    pub text: String,
}

impl PermissionView {
    pub(in crate::management) fn all(permissions: &[Permission]) -> Vec<Self> {
        permissions.iter().map(Self::of).collect()
    }

    fn of(permission: &Permission) -> Self {
        Self {
            id: permission.id(),
            text: permission.to_string(),
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

/// What an installation would take.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::management) struct Review {
    /// What the plugin asks for beyond what every plugin gets: what the manifest says, and `build`
    /// where a package's image is built here and that takes a grant.
    pub requested: Vec<PermissionView>,
    /// The instructions of a package's Dockerfile that do more than put files into an image, with
    /// their lines.
    pub build_steps: Vec<String>,
    /// What stands against it with the grants of the request, none if nothing does.
    pub refusals: Vec<RefusalReason>,
    /// What else is worth knowing about the manifest, such as keys that are not known.
    pub warnings: Vec<String>,
}
