//! [`DocumentError`].

use std::fmt;

use crate::diagnostics::report::Issue;

/// Why a document was refused: all its problems, in the order of the text.
///
/// `Display` lists every one on its own line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentError {
    // Never empty.
    issues: Vec<Issue>,
}

impl DocumentError {
    pub(super) const fn new(issues: Vec<Issue>) -> Self {
        Self { issues }
    }

    /// Returns all problems.
    #[must_use]
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// Draws every problem with its source line; see [`Issue::render`].
    #[must_use]
    pub fn render(&self, source: &str) -> String {
        let drawn: Vec<_> = self.issues.iter().map(|issue| issue.render(source)).collect();
        drawn.join("\n")
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.issues.len() {
            1 => write!(f, "the document has a problem:")?,
            count => write!(f, "the document has {count} problems:")?,
        }
        self.issues.iter().try_for_each(|issue| write!(f, "\n  {issue}"))
    }
}

impl std::error::Error for DocumentError {}
