//! How a case ends.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// The plugin keeps to the sentence.
    Pass,
    /// It does not.
    Fail,
    /// It never said that it would, or the target cannot be asked.
    #[serde(rename = "n/a")]
    NotApplicable,
    /// The suite itself could not find out.
    Error,
}

impl Outcome {
    /// Returns the word for it: `pass`, `fail`, `n/a` or `error`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotApplicable => "n/a",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a plugin did in place of what the protocol says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// What was sent, or done.
    pub sent: String,
    /// What came of it.
    pub came: String,
    /// What should have come.
    pub expected: String,
}

/// Why a case did not pass.
#[derive(Debug)]
pub(crate) enum Stop {
    Fail(Box<Finding>),
    NotApplicable(String),
    Error(String),
}

impl Stop {
    pub(crate) fn fail(
        sent: impl Into<String>,
        came: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Fail(Box::new(Finding {
            sent: sent.into(),
            came: came.into(),
            expected: expected.into(),
        }))
    }

    pub(crate) fn not_declared(what: &str) -> Self {
        Self::NotApplicable(format!("not declared: {what}"))
    }
}

pub(crate) type Verdict = Result<(), Stop>;
