use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{CaseReport, Report, told};
use crate::{level::Weight, outcome::Outcome};

impl Report {
    /// Returns the report as `JUnit` XML, which continuous integration shows. Failures of recommended and optional cases
    /// are not among its failures.
    #[must_use]
    pub fn to_junit(&self) -> String {
        write(self)
    }
}

fn write(report: &Report) -> String {
    let mut document = quick_junit::Report::new("hap-conformance");
    document.set_time(Duration::from_millis(report.took_ms));
    let mut suite = TestSuite::new(format!("{} ({})", report.target, report.level));
    suite.set_time(Duration::from_millis(report.took_ms));
    for case in &report.cases {
        let mut one = TestCase::new(case.id.as_str(), status(case));
        one.set_classname(format!("{}.{}", report.level, case.weight))
            .set_time(Duration::from_millis(case.took_ms));
        suite.add_test_case(one);
    }
    document.add_test_suite(suite);
    // Written into memory.
    document.to_string().unwrap_or_default()
}

fn status(case: &CaseReport) -> TestCaseStatus {
    let with = |kind: NonSuccessKind, message: String| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(message).set_description(text(case));
        status
    };
    if case.is_stale() {
        let message = "it passes, and is expected to fail: take it off the list of expected failures";
        return with(NonSuccessKind::Failure, message.to_owned());
    }
    let is_required = case.weight == Weight::Required && case.expected.is_none();
    match case.outcome {
        Outcome::Pass => TestCaseStatus::success(),
        Outcome::Fail if is_required => with(NonSuccessKind::Failure, case.title.clone()),
        Outcome::Error if is_required => with(NonSuccessKind::Error, case.title.clone()),
        outcome => {
            let why = case.expected.as_deref().or(case.note.as_deref());
            let mut status = TestCaseStatus::skipped();
            let why = why.map_or_else(|| text(case), str::to_owned);
            status.set_message(format!("{outcome}: {why}"));
            status
        }
    }
}

fn text(case: &CaseReport) -> String {
    let mut text = String::new();
    if let Some(finding) = &case.finding {
        text = format!(
            "sent: {}\ncame: {}\nexpected: {}\n",
            finding.sent, finding.came, finding.expected
        );
    }
    if let Some(note) = &case.note {
        text.push_str(&format!("error: {note}\n"));
    }
    text.push_str(&format!("rule: {}: {}\n", case.sentence, told(case)));
    if let Some(fix) = &case.fix {
        text.push_str(&format!("fix: {fix}\n"));
    }
    text
}
