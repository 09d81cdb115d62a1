use schemars::JsonSchema;
use serde::Serialize;

use super::plugin::phase_schema;
use crate::model::failure::Failure;

/// Why a plugin does not do what is wanted.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Failure")]
pub(in crate::management) struct FailureView {
    /// The class, such as `out_of_memory`.
    pub cause: &'static str,
    /// Trying again is pointless until someone acts.
    pub permanent: bool,
    /// Where it was in its life when it failed; `unknown` where that says nothing.
    #[schemars(schema_with = "phase_schema")]
    pub phase: &'static str,
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
            cause: failure.cause.as_str(),
            permanent: failure.cause.is_permanent(),
            phase: failure.phase.as_str(),
            message: failure.message,
            hint: failure.hint,
            last_lines: failure.last_lines,
        }
    }
}
