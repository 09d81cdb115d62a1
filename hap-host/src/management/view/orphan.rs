use std::borrow::Cow;

use hap_manifest::{PluginId, wire::WireError};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::millis;
use crate::supervisor::orphans::orphan::{Orphan, OrphanDisposition, OrphanReason};

/// What the engine keeps for this supervisor that belongs to no plugin.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct OrphanList {
    /// Each of them.
    pub orphans: Vec<OrphanView>,
}

/// Something that belongs to no plugin.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Orphan")]
#[non_exhaustive]
pub struct OrphanView {
    /// `container`, `network`, `volume` or `image`.
    #[schemars(extend("enum" = ["container", "network", "volume", "image"]))]
    pub kind: Cow<'static, str>,
    /// The engine's id of it.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The plugin that its label names.
    pub plugin: Option<PluginId>,
    /// Time since it was made, in milliseconds; null where the engine does not tell.
    pub age_ms: Option<u64>,
    /// What it takes of the disk, in bytes; null where the engine does not tell without measuring.
    pub bytes: Option<u64>,
    /// Why it belongs to nobody.
    #[schemars(schema_with = "reason_schema")]
    pub reason: Cow<'static, str>,
    /// What becomes of it: `due` goes with the next sweep, `young` later, `in_use` not; `image`
    /// goes by `POST /v1/orphans/prune-images` alone, `data` by `DELETE /v1/orphans/data` alone.
    #[schemars(schema_with = "fate_schema")]
    pub fate: Cow<'static, str>,
    /// What it is and why it belongs to nobody, in words.
    pub text: String,
}

impl From<Orphan> for OrphanView {
    fn from(orphan: Orphan) -> Self {
        Self {
            text: orphan.to_string(),
            kind: orphan.kind.as_str().into(),
            id: orphan.id,
            name: orphan.name,
            plugin: orphan.plugin,
            age_ms: orphan.age.map(millis),
            bytes: orphan.bytes,
            reason: word(&orphan.reason),
            fate: word(&orphan.disposition),
        }
    }
}

/// What was removed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Swept {
    /// What is gone.
    pub removed: Vec<OrphanView>,
    /// What the engine did not remove. The next sweep tries again.
    pub failed: Vec<NotSwept>,
    /// Bytes of the disk that this freed, as far as the engine tells.
    pub freed_bytes: u64,
}

/// Something that the engine did not remove.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct NotSwept {
    /// What it is.
    pub orphan: OrphanView,
    /// Why it is still there.
    pub refusal: WireError,
}

/// The data that an uninstalled plugin left is gone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct DataRemoved {
    /// The plugin.
    pub plugin: PluginId,
}

/// The name of an enum's variant, as it is written.
fn word(variant: &impl Serialize) -> Cow<'static, str> {
    let written = serde_json::to_value(variant).unwrap_or_default();
    Cow::Owned(written.as_str().unwrap_or_default().to_owned())
}

fn reason_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": [
        OrphanReason::NotInstalled, OrphanReason::OtherImage, OrphanReason::NotNeeded
    ] })
}

fn fate_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": [
        OrphanDisposition::Due, OrphanDisposition::Young, OrphanDisposition::InUse, OrphanDisposition::Image, OrphanDisposition::Data
    ] })
}
