use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::progress::Progress;

/// What an installation is doing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Progress")]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProgressView {
    /// A stage began. Counts of bytes begin anew with it.
    Stage {
        /// `unpacking`, `pulling`, `sending` or `building`.
        stage: Cow<'static, str>,
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
    /// Something that only a newer version knows.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

impl From<Progress> for ProgressView {
    fn from(progress: Progress) -> Self {
        match progress {
            Progress::Stage(stage) => Self::Stage {
                stage: stage.as_str().into(),
            },
            Progress::Step(text) => Self::Step { text },
            Progress::Bytes { done, total } => Self::Bytes { done, total },
        }
    }
}

/// Items of a stream are gone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Missed")]
pub(crate) struct Counted {
    /// How many.
    pub count: u64,
}

/// A stream has ended.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "End")]
pub(crate) struct Ended {
    /// `no_more` when there is nothing left to tell, `shutting_down` when the supervisor ends.
    #[schemars(extend("enum" = ["no_more", "shutting_down"]))]
    pub reason: Cow<'static, str>,
}
