//! [`ParseError`], what every value type of this crate refuses a text with.

use std::fmt;

/// Longest part of a refused value that a message repeats, in characters.
const SHOWN: usize = 60;

/// Says why a value was refused: what it should have been, what was found, the rule, and often a
/// fix.
///
/// The type is opaque so that messages can improve without breaking callers. A message never
/// repeats a secret.
///
/// ```
/// let error = hap_manifest::PluginId::new("Porch Light").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "invalid plugin id \"Porch Light\": 'P' at position 1 is not one of a-z, 0-9 and '-'; \
///      try \"porch-light\""
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    // Boxed: results of value types stay as small as the value.
    inner: Box<Inner>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    message: String,
    help: Option<String>,
}

impl ParseError {
    /// Makes the refusal of a value type in the other crates of the platform: the kind of value,
    /// the value as it was found, the rule it breaks and the fix. The value is escaped and
    /// shortened.
    #[doc(hidden)]
    #[must_use]
    pub fn of(what: &str, found: &str, rule: impl fmt::Display, help: impl Into<String>) -> Self {
        Self::new(what, quoted(found), rule).with_help(help)
    }

    /// A refusal that repeats the value.
    pub(crate) fn new(what: &str, found: impl fmt::Display, rule: impl fmt::Display) -> Self {
        Self::from_message(format!("invalid {what} {found}: {rule}"))
    }

    /// A refusal that keeps the value to itself, for secrets.
    pub(crate) fn hidden(what: &str, rule: impl fmt::Display) -> Self {
        Self::from_message(format!("invalid {what}: {rule}"))
    }

    fn from_message(message: String) -> Self {
        Self {
            inner: Box::new(Inner { message, help: None }),
        }
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.inner.help = Some(help.into());
        self
    }

    /// Returns the refusal without the proposed fix: the value and the rule it breaks.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// Returns what to write instead, where that is known.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.inner.help.as_deref()
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)?;
        match &self.inner.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ParseError {}

/// Quotes a text for a message: escaped, so that no control character reaches a terminal, and
/// shortened.
pub(crate) fn quoted(text: &str) -> String {
    let (shown, rest) = beginning(text);
    format!("{shown:?}{rest}")
}

/// Returns the first character that `allowed` refuses, with its position counted from one.
pub(crate) fn first_refused(text: &str, allowed: impl Fn(char) -> bool) -> Option<(usize, char)> {
    text.chars()
        .enumerate()
        .find(|(_, c)| !allowed(*c))
        .map(|(index, c)| (index + 1, c))
}

/// As [`quoted`], without the quotes: for pointers and keys inside a sentence.
pub(crate) fn bare(text: &str) -> String {
    let (shown, rest) = beginning(text);
    format!("{}{rest}", shown.escape_debug())
}

/// Returns as much of a text as a message repeats, and dots in place of the rest.
fn beginning(text: &str) -> (&str, &str) {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => (text.get(..end).unwrap_or_default(), "..."),
        None => (text, ""),
    }
}

/// Words the rule that a value breaks which is longer than `most` characters or bytes.
pub(crate) fn too_long(length: usize, unit: &str, most: usize) -> String {
    format!("it has {length} {unit}, at most {most} are allowed")
}

/// Cuts a text off at a character.
pub(crate) fn shortened(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_another_crate_is_escaped_and_shortened() {
        let error = ParseError::of(
            "instance name",
            "\u{1b}[2J",
            "it has a control character",
            "use a-z",
        );
        assert_eq!(
            error.to_string(),
            r#"invalid instance name "\u{1b}[2J": it has a control character; use a-z"#
        );
        assert_eq!(error.help(), Some("use a-z"));
        let long = ParseError::of(
            "device pattern",
            &"x".repeat(10_000),
            "it is too long",
            "shorten it",
        );
        assert!(long.message().len() < 120, "{long}");
    }
}
