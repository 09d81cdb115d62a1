use schemars::JsonSchema;
use serde::Serialize;

use crate::engine::progress::Progress;

/// What an installation is doing.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Progress")]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(in crate::management) enum ProgressView {
    /// A stage began. Counts of bytes begin anew with it.
    Stage {
        /// `unpacking`, `pulling`, `sending` or `building`.
        stage: &'static str,
    },
    /// A step in words, such as a line of a build.
    Step {
        /// The words.
        text: String,
    },
    /// Bytes of a transfer.
    Bytes {
        /// Transferred so far.
        done: u64,
        /// To transfer in all; 0 while it is unknown.
        total: u64,
    },
}

impl From<Progress> for ProgressView {
    fn from(progress: Progress) -> Self {
        match progress {
            Progress::Stage(stage) => Self::Stage {
                stage: stage.as_str(),
            },
            Progress::Step(text) => Self::Step { text },
            Progress::Bytes { done, total } => Self::Bytes { done, total },
        }
    }
}

/// Items of a stream are gone.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Missed")]
pub(in crate::management) struct Counted {
    /// How many.
    pub count: u64,
}

/// A stream has ended.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "End")]
pub(in crate::management) struct Ended {
    /// `no_more` when there is nothing left to tell, `shutting_down` when the supervisor ends.
    #[schemars(extend("enum" = ["no_more", "shutting_down"]))]
    pub reason: &'static str,
}
