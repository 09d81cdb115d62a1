use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::model::{failure::Failure, phase::Phase};

/// Why a plugin does not do what is wanted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Failure")]
#[non_exhaustive]
pub struct FailureView {
    /// The class, such as `out_of_memory`.
    pub cause: Cow<'static, str>,
    /// Trying again is pointless until someone acts.
    pub permanent: bool,
    /// Where it was in its life when it failed; `unknown` where that says nothing.
    #[schemars(schema_with = "phase_schema")]
    pub phase: Cow<'static, str>,
    /// One sentence with the values.
    pub message: String,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
    /// The last lines of its output, oldest first.
    pub last_lines: Vec<String>,
}

impl From<Failure> for FailureView {
    fn from(failure: Failure) -> Self {
        Self {
            cause: failure.cause.as_str().into(),
            permanent: failure.cause.is_permanent(),
            phase: failure.phase.as_str().into(),
            message: failure.message,
            hint: failure.hint,
            last_lines: failure.last_lines,
        }
    }
}

/// The phase of a plugin, by name.
pub(super) fn phase_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": PHASES.map(Phase::as_str) })
}

/// Every phase there is.
pub(super) const PHASES: [Phase; 15] = [
    Phase::Unknown,
    Phase::Waiting,
    Phase::Preparing,
    Phase::Starting,
    Phase::Healthy,
    Phase::Degraded,
    Phase::Unhealthy,
    Phase::Backoff,
    Phase::CrashLoop,
    Phase::Updating,
    Phase::Stopping,
    Phase::Stopped,
    Phase::Finished,
    Phase::Failed,
    Phase::Removed,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_is_in_the_schema() {
        // Without a wildcard: a new phase has to be placed here and in the list.
        let place = |phase| match phase {
            Phase::Unknown => 0,
            Phase::Waiting => 1,
            Phase::Preparing => 2,
            Phase::Starting => 3,
            Phase::Healthy => 4,
            Phase::Degraded => 5,
            Phase::Unhealthy => 6,
            Phase::Backoff => 7,
            Phase::CrashLoop => 8,
            Phase::Updating => 9,
            Phase::Stopping => 10,
            Phase::Stopped => 11,
            Phase::Finished => 12,
            Phase::Failed => 13,
            Phase::Removed => 14,
        };
        for (index, phase) in PHASES.into_iter().enumerate() {
            assert_eq!(place(phase), index);
        }
    }
}
