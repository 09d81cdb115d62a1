use std::collections::HashSet;
use std::fmt;

use jsonschema::ValidationError;
use serde_json::Value;

use super::secrets::Secrets;
use crate::value::error::shortened;

/// Longest message of one problem, in bytes.
const MESSAGE: usize = 300;
/// What a secret value is called.
pub(super) const SECRET: &str = "the secret value";

/// One thing that is wrong with settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    pointer: String,
    keyword: String,
    message: String,
}

impl ConfigProblem {
    /// With a `mask`, messages call the value by that name and never repeat it.
    pub(super) fn of(error: &ValidationError<'_>, secrets: &Secrets, mask: Option<&str>) -> Self {
        let pointer = error.instance_path().to_string();
        let value = error.instance();
        let secret = secrets.cover(&pointer).then_some(SECRET);
        let kind = match **value {
            // Something inside may be secret; the place is enough.
            Value::Object(_) => Some("the object"),
            Value::Array(_) => Some("the list"),
            _ => None,
        };
        let message = match mask.or(secret).or(kind) {
            Some(mask) => error.masked_with(mask).to_string(),
            None => error.to_string(),
        };
        Self {
            pointer,
            keyword: error.kind().keyword().to_owned(),
            message: shortened(message, MESSAGE),
        }
    }

    /// Returns the same problem, seen from outside of what `prefix` points to.
    pub(super) fn below(self, prefix: &str) -> Self {
        Self {
            pointer: format!("{prefix}{}", self.pointer),
            ..self
        }
    }

    /// Returns the JSON pointer to the value, such as `/broker/port`; empty for the settings as a
    /// whole.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Returns the keyword of JSON Schema that refuses it, such as `minimum`.
    #[must_use]
    pub fn keyword(&self) -> &str {
        &self.keyword
    }

    /// Returns what was found and the rule it breaks. It never repeats the value of a secret.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.pointer, self.message)
        }
    }
}

/// Everything that is wrong with settings; at least one problem, at most [`MOST`](Self::MOST).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblems {
    listed: Vec<ConfigProblem>,
    more: usize,
}

impl ConfigProblems {
    /// More problems than this are not listed.
    pub const MOST: usize = 100;

    /// Lists each problem once.
    pub(super) fn none_or(problems: impl Iterator<Item = ConfigProblem>) -> Result<(), Self> {
        let mut problems: Vec<_> = problems.collect();
        if problems.is_empty() {
            return Ok(());
        }
        let key = |problem: &ConfigProblem| (problem.pointer.clone(), problem.message.clone());
        let mut seen = HashSet::new();
        problems.retain(|problem| seen.insert(key(problem)));
        // Those of one place stay as the schema has them.
        problems.sort_by(|a, b| a.pointer.cmp(&b.pointer));
        let more = problems.len().saturating_sub(Self::MOST);
        problems.truncate(Self::MOST);
        Err(Self {
            listed: problems,
            more,
        })
    }

    /// Returns how many more problems there are than are listed.
    #[must_use]
    pub const fn more(&self) -> usize {
        self.more
    }

    /// Returns the problems, ordered by their places.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigProblem> {
        self.listed.iter()
    }
}

impl fmt::Display for ConfigProblems {
    /// All problems in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.listed.iter().enumerate() {
            let comma = if index == 0 { "" } else { "; " };
            write!(f, "{comma}{problem}")?;
        }
        if self.more > 0 {
            write!(f, "; and {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigProblems {}
