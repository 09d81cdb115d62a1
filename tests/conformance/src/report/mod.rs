//! What came of a run.

mod junit;
mod people;

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::{
    cases::Case,
    level::{Level, Weight},
    outcome::{Finding, Outcome},
    sentences::sentence,
};

/// The version of the report's JSON.
const FORMAT: u32 = 1;

/// What came of a run. `Display` is for people; [`to_json`](Self::to_json) and [`to_junit`](Self::to_junit) for programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The version of this form.
    pub format: u32,
    /// The version of the suite.
    pub suite: String,
    /// What was tested.
    pub target: String,
    /// What pins the target, such as the digest of its image or package; `None` where nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// When the run began.
    #[serde(with = "hap_manifest::rfc3339")]
    pub began: SystemTime,
    /// What it was held to.
    pub level: Level,
    /// Whether it conforms at that level: no required case failed, or could not be tried for a reason of the suite.
    pub conformant: bool,
    /// How long the run took, in milliseconds.
    pub took_ms: u64,
    /// Each case that belongs to the level.
    pub cases: Vec<CaseReport>,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CaseReport {
    /// The case's id.
    pub id: String,
    /// What holds where it passes.
    pub title: String,
    /// The id of the sentence of the protocol that it is about.
    pub sentence: String,
    /// How much it weighs.
    pub weight: Weight,
    /// How it ended.
    pub outcome: Outcome,
    /// What was sent, what came and what should have come, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Finding>,
    /// How a failure is mended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// Why it could not be tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Why it is expected to fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl CaseReport {
    pub(crate) fn new(
        case: &Case,
        level: Level,
        (outcome, finding, note): (Outcome, Option<Finding>, Option<String>),
        expected: Option<String>,
        took: Duration,
    ) -> Self {
        Self {
            id: case.id().to_owned(),
            title: case.title().to_owned(),
            sentence: case.sentence().to_owned(),
            weight: case.weight(level).unwrap_or(Weight::Optional),
            outcome,
            fix: finding.is_some().then(|| case.fix().to_owned()),
            finding,
            note,
            expected,
            took_ms: millis(took),
        }
    }

    /// Returns whether it failed and was not expected to.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self.outcome, Outcome::Fail | Outcome::Error) && self.expected.is_none()
    }

    /// Returns whether it passed though it was expected to fail.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.outcome == Outcome::Pass && self.expected.is_some()
    }
}

impl Report {
    pub(crate) fn new(
        (target, digest): (String, Option<String>),
        level: Level,
        cases: Vec<CaseReport>,
        (began, took): (SystemTime, Duration),
    ) -> Self {
        let breaks = |case: &CaseReport| {
            case.weight == Weight::Required && matches!(case.outcome, Outcome::Fail | Outcome::Error)
        };
        Self {
            format: FORMAT,
            suite: env!("CARGO_PKG_VERSION").to_owned(),
            target,
            digest,
            began,
            level,
            conformant: !cases.iter().any(breaks),
            took_ms: millis(took),
            cases,
        }
    }

    /// Returns the cases that failed, or could not be tried for a reason of the suite, and were not expected to, of this
    /// weight.
    pub fn failures(&self, weight: Weight) -> impl Iterator<Item = &CaseReport> {
        let is_one = move |case: &&CaseReport| case.weight == weight && case.is_failure();
        self.cases.iter().filter(is_one)
    }

    /// Returns the cases that passed though they were expected to fail.
    pub fn stale(&self) -> impl Iterator<Item = &CaseReport> {
        self.cases.iter().filter(|case| case.is_stale())
    }

    /// Returns whether the run is a success: no required case failed but those that were expected to, and no
    /// expectation is stale.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failures(Weight::Required).next().is_none() && self.stale().next().is_none()
    }

    /// Returns a case by its id.
    #[must_use]
    pub fn case(&self, id: &str) -> Option<&CaseReport> {
        self.cases.iter().find(|case| case.id == id)
    }

    /// Returns the report as JSON. It reads as a [`Report`] again.
    #[must_use]
    pub fn to_json(&self) -> String {
        // A type of texts and numbers is always written.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// The sentence that a case is about.
fn told(case: &CaseReport) -> &'static str {
    sentence(&case.sentence).unwrap_or_default()
}
