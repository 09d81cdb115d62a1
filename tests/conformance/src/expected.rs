//! Failures that are known and accepted for now.

use std::{collections::BTreeMap, str::FromStr};

use crate::cases::cases;

/// Cases that are expected to fail, each with the reason. One that passes all the same is told as stale, so that the list
/// does not outlive its reasons.
///
/// ```
/// use hap_conformance::ExpectedFailures;
///
/// let expected: ExpectedFailures = r#"{"stop.exit-0": "the framework ends with 143, see its issue 7"}"#.parse()?;
/// assert!("{\"no.such\": \"\"}".parse::<ExpectedFailures>().is_err());
/// # Ok::<(), hap_conformance::BadExpectedFailures>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpectedFailures(BTreeMap<String, String>);

/// The text is no list of expected failures.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadExpectedFailures {
    /// It is no JSON object of texts.
    #[error("expected failures are an object of case ids, each with a reason: {0}")]
    Json(#[from] serde_json::Error),
    /// There is no case of this id.
    #[error("there is no case {0:?}; the ids are those of a report")]
    UnknownCase(String),
    /// A case has no reason.
    #[error("{0:?} has no reason; say why it is expected to fail")]
    NoReason(String),
}

impl ExpectedFailures {
    /// Returns the reason why a case is expected to fail; `None` where it is not.
    #[must_use]
    pub fn reason(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }
}

impl FromStr for ExpectedFailures {
    type Err = BadExpectedFailures;

    fn from_str(text: &str) -> Result<Self, BadExpectedFailures> {
        let list: BTreeMap<String, String> = serde_json::from_str(text)?;
        for (id, reason) in &list {
            if !cases().any(|case| case.id() == id) {
                return Err(BadExpectedFailures::UnknownCase(id.clone()));
            }
            if reason.trim().is_empty() {
                return Err(BadExpectedFailures::NoReason(id.clone()));
            }
        }
        Ok(Self(list))
    }
}
