use hap_manifest::{PluginId, wire::WireError};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use super::millis;
use crate::supervisor::orphans::orphan::{Orphan, OrphanDisposition, OrphanReason};

/// What the engine keeps for this supervisor that belongs to no plugin.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::management) struct OrphanList {
    pub orphans: Vec<OrphanView>,
}

/// Something that belongs to no plugin.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Orphan")]
pub(in crate::management) struct OrphanView {
    /// `container`, `network`, `volume` or `image`.
    #[schemars(extend("enum" = ["container", "network", "volume", "image"]))]
    pub kind: &'static str,
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
    pub reason: OrphanReason,
    /// What becomes of it: `due` goes with the next sweep, `young` later, `in_use` not; `image`
    /// goes by `POST /v1/orphans/prune-images` alone, `data` by `DELETE /v1/orphans/data` alone.
    #[schemars(schema_with = "fate_schema")]
    pub fate: OrphanDisposition,
    /// What it is and why it belongs to nobody, in words.
    pub text: String,
}

impl From<Orphan> for OrphanView {
    fn from(orphan: Orphan) -> Self {
        Self {
            text: orphan.to_string(),
            kind: orphan.kind.as_str(),
            id: orphan.id,
            name: orphan.name,
            plugin: orphan.plugin,
            age_ms: orphan.age.map(millis),
            bytes: orphan.bytes,
            reason: orphan.reason,
            fate: orphan.disposition,
        }
    }
}

/// What was removed.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::management) struct Swept {
    /// What is gone.
    pub removed: Vec<OrphanView>,
    /// What the engine did not remove. The next sweep tries again.
    pub failed: Vec<NotSwept>,
    /// Bytes of the disk that this freed, as far as the engine tells.
    pub freed_bytes: u64,
}

/// Something that the engine did not remove.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::management) struct NotSwept {
    /// What it is.
    pub orphan: OrphanView,
    /// Why it is still there.
    pub refusal: WireError,
}

/// The data that an uninstalled plugin left is gone.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::management) struct DataRemoved {
    /// The plugin.
    pub plugin: PluginId,
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
