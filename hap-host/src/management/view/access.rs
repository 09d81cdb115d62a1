use hap_manifest::{
    PluginId,
    permission::{Consent, Permission, PermissionText},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{plugin::handle::permissions::PluginPermissions, policy::violation::PolicyViolation};

/// What a plugin asks for beyond what every plugin gets, and what became of it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Permissions {
    /// What its owner is asked.
    #[serde(flatten)]
    #[schemars(with = "Consent")]
    pub consent: Asked,
    /// What it asks for as plain text of several lines, for a terminal.
    pub text: String,
    /// What it was granted. What the policy gives to whoever asks is not among it.
    #[schemars(with = "Vec<PermissionText>")]
    pub granted: Vec<AskedPermission>,
    /// Why it may not run, none if it may.
    pub refusals: Vec<RefusalReason>,
}

impl Permissions {
    pub(in crate::management) fn of(permissions: PluginPermissions) -> Self {
        Self {
            text: permissions.consent.to_string(),
            consent: permissions.consent.into(),
            granted: permissions
                .granted
                .into_iter()
                .map(|granted| PermissionText::from(granted).into())
                .collect(),
            refusals: permissions.violations.iter().map(RefusalReason::of).collect(),
        }
    }
}

/// One reason why a plugin is not permitted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct RefusalReason {
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
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Review {
    /// What its owner is asked.
    #[serde(flatten)]
    #[schemars(with = "Consent")]
    pub consent: Asked,
    /// What is asked as plain text of several lines, for a terminal.
    pub text: String,
    /// What stands against it with the grants of the request, none if nothing does.
    pub refusals: Vec<RefusalReason>,
    /// What else is worth knowing about the manifest, such as keys that are not known.
    pub warnings: Vec<String>,
}

/// What a plugin's owner is asked, as [`Consent`] says it: the words of a newer host's permissions are read too.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Asked {
    /// The plugin.
    pub plugin: PluginId,
    /// Its name for people.
    pub name: String,
    /// The version that is asked about.
    pub version: String,
    /// Who published it, where that is known: an object with the key `kind`.
    pub publisher: Option<Value>,
    /// What it asks for beyond what every plugin gets.
    pub requested: Vec<AskedPermission>,
    /// The limits that its manifest names: an object.
    pub limits: Value,
    /// Where in its container it keeps data that lasts, on the host's disk.
    pub volumes: Vec<String>,
    /// The instructions of its Dockerfile that do more than put files into an image, with their lines.
    pub build_steps: Vec<String>,
    /// What is different from the version that is installed; nothing where there is none.
    pub changes: Option<Value>,
}

impl From<Consent> for Asked {
    fn from(consent: Consent) -> Self {
        Self {
            publisher: consent.publisher.as_ref().map(json),
            limits: json(&consent.limits),
            changes: consent.changes.as_ref().map(json),
            plugin: consent.id,
            name: consent.name,
            version: consent.version.to_string(),
            requested: consent.requested.into_iter().map(AskedPermission::from).collect(),
            volumes: consent.volumes.iter().map(ToString::to_string).collect(),
            build_steps: consent.build_steps,
        }
    }
}

/// A permission with its words.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AskedPermission {
    /// Its short name, by which it is granted, such as `network` and `device:/dev/ttyUSB0`.
    pub id: String,
    /// What it is for people, completing "this plugin wants to".
    pub text: String,
    /// What may come of it, in one or two whole sentences.
    pub explanation: String,
}

impl From<PermissionText> for AskedPermission {
    fn from(asked: PermissionText) -> Self {
        Self {
            id: asked.id,
            text: asked.text,
            explanation: asked.explanation,
        }
    }
}

/// Types with texts for keys are always written.
fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
