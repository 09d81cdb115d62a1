//! What a reader of Dockerfiles tells of.

/// One instruction that does more than put files into the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildStep {
    line: usize,
    text: String,
}

impl BuildStep {
    /// Longest text of a step, in characters.
    const MAX_CHARS: usize = 300;

    pub(super) fn new(line: usize, text: &str) -> Self {
        let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        Self {
            line,
            text: shown.take(Self::MAX_CHARS).collect(),
        }
    }

    /// Returns the number of its first line, from 1.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.line
    }

    /// Returns the instruction in one line, cut after 300 characters.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl std::fmt::Display for BuildStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

/// Why nobody can say what a Dockerfile does, or why no host may do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerfileFault {
    pub(super) line: usize,
    pub(super) rule: &'static str,
}

impl DockerfileFault {
    /// Returns the number of the line, from 1.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.line
    }

    /// Returns the rule that the line breaks, and what to write instead.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.rule
    }
}

impl std::fmt::Display for DockerfileFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.rule)
    }
}
