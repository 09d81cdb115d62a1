use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::rfc3339;
use crate::model::update::{UpdateOutcome, UpdateResult, UpdateStage, UpdateState};

/// An update that is under way.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "UpdateState")]
#[non_exhaustive]
pub struct UpdateStateView {
    /// The version that it goes from.
    pub from: String,
    /// The version that it goes to.
    pub to: String,
    /// `snapshot`: the plugin is stopped and its data is copied. `probation`: the new version has
    /// taken the old one's place and is watched. `restore`: data of a snapshot is put back.
    #[schemars(schema_with = "stage_schema")]
    pub stage: Cow<'static, str>,
    /// Since when it has been at this stage, by RFC 3339.
    pub since: String,
}

impl From<&UpdateState> for UpdateStateView {
    fn from(update: &UpdateState) -> Self {
        Self {
            from: update.from.to_string(),
            to: update.to.to_string(),
            stage: update.stage.as_str().into(),
            since: rfc3339(update.since),
        }
    }
}

/// How an update, or a way back, ended.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "UpdateOutcome")]
#[non_exhaustive]
pub struct UpdateOutcomeView {
    /// The version before.
    pub from: String,
    /// The version that was tried.
    pub to: String,
    /// When it was decided, by RFC 3339.
    pub at: String,
    /// `committed`: it is the plugin's version now. `rolled_back`: the version before is back, or
    /// was never left.
    #[schemars(extend("enum" = ["committed", "rolled_back"]))]
    pub result: Cow<'static, str>,
    /// Why it was rolled back, in words.
    pub reason: Option<String>,
}

impl From<UpdateOutcome> for UpdateOutcomeView {
    fn from(outcome: UpdateOutcome) -> Self {
        let (result, reason) = match outcome.result {
            UpdateResult::Committed => ("committed", None),
            UpdateResult::RolledBack { reason } => ("rolled_back", Some(reason)),
        };
        Self {
            from: outcome.from.to_string(),
            to: outcome.to.to_string(),
            at: rfc3339(outcome.at),
            result: Cow::Borrowed(result),
            reason,
        }
    }
}

fn stage_schema(_: &mut SchemaGenerator) -> Schema {
    let stages = [
        UpdateStage::Snapshot,
        UpdateStage::Probation,
        UpdateStage::Restore,
    ];
    json_schema!({ "type": "string", "enum": stages.map(UpdateStage::as_str) })
}
