//! [`Collector`]: gathers issues without growing beyond bounds.

use super::issue_code::IssueCode;
use super::report::{Issue, Severity};

/// Most issues that one report lists; the rest is counted.
const MAX_ISSUES: usize = 100;

#[derive(Debug, Default)]
pub(crate) struct Collector {
    issues: Vec<Issue>,
    errors: usize,
    left_out: usize,
}

impl Collector {
    pub(crate) fn push(&mut self, issue: Issue) {
        if self.is_full() {
            self.leave_out(issue.severity());
        } else {
            self.errors += usize::from(issue.severity() == Severity::Error);
            self.issues.push(issue);
        }
    }

    /// Counts an issue that is not listed.
    pub(crate) fn leave_out(&mut self, severity: Severity) {
        self.errors += usize::from(severity == Severity::Error);
        self.left_out += 1;
    }

    /// Returns whether any error was among the issues, listed or left out.
    pub(crate) const fn refused(&self) -> bool {
        self.errors > 0
    }

    /// Returns whether further issues are only counted, so that nobody needs to word them.
    pub(crate) const fn is_full(&self) -> bool {
        self.issues.len() >= MAX_ISSUES
    }

    /// Returns how many errors there are so far, listed or left out.
    pub(crate) const fn errors(&self) -> usize {
        self.errors
    }

    pub(crate) fn into_issues(mut self) -> Vec<Issue> {
        if self.left_out > 0 {
            let message = format!("{} more problems are not listed", self.left_out);
            let severity = if self.errors > 0 {
                Severity::Error
            } else {
                Severity::Warning
            };
            self.issues
                .push(Issue::new("", IssueCode::MoreIssues, message).with_severity(severity));
        }
        self.issues
    }
}
