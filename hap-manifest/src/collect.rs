//! [`Collector`]: gathers issues without growing beyond bounds.

use crate::report::{Issue, IssueCode, Severity};

/// Most issues that one report lists; the rest is counted.
const MAX_ISSUES: usize = 100;

#[derive(Debug, Default)]
pub(crate) struct Collector {
    issues: Vec<Issue>,
    refused: bool,
    left_out: usize,
}

impl Collector {
    pub(crate) fn push(&mut self, issue: Issue) {
        self.refused |= issue.severity() == Severity::Error;
        if self.issues.len() < MAX_ISSUES {
            self.issues.push(issue);
        } else {
            self.left_out += 1;
        }
    }

    /// Whether any error was among the issues, listed or left out.
    pub(crate) const fn refused(&self) -> bool {
        self.refused
    }

    pub(crate) fn into_issues(mut self) -> Vec<Issue> {
        if self.left_out > 0 {
            let message = format!("{} more problems are not listed", self.left_out);
            let severity = if self.refused {
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
