//! [`Issue`] and [`ManifestError`]: everything that is wrong with a manifest, reported at once.

use std::fmt;

use super::audience::Audience;
use super::issue_code::IssueCode;
use super::place::Place;
use crate::json::document::Document;
use crate::json::find::Found;
use crate::value::error::ParseError;

/// How much an [`Issue`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// The manifest is usable; the author should look.
    Warning,
    /// The manifest is refused.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Which part of an object's member an issue is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Key,
    Value,
}

/// One problem of a manifest: where it is, what was found, what is allowed, and often what to write
/// instead.
///
/// ```
/// let error = hap_manifest::Manifest::from_json(r#"{"id": "Porch"}"#).unwrap_err();
/// let issue = error.issues().iter().find(|issue| issue.pointer() == "/id").unwrap();
/// assert_eq!((issue.pointer(), issue.line(), issue.column()), ("/id", Some(1), Some(8)));
/// assert_eq!(issue.help(), Some("try \"porch\""));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    pointer: String,
    code: IssueCode,
    severity: Severity,
    message: String,
    help: Option<String>,
    target: Target,
    place: Option<Place>,
}

impl Issue {
    pub(crate) fn new(pointer: impl Into<String>, code: IssueCode, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            code,
            severity: Severity::Error,
            message: message.into(),
            help: None,
            target: Target::Value,
            place: None,
        }
    }

    pub(crate) fn refused(pointer: impl Into<String>, error: &ParseError) -> Self {
        let issue = Self::new(pointer, IssueCode::InvalidValue, error.message());
        Self {
            help: error.help().map(str::to_owned),
            ..issue
        }
    }

    pub(crate) fn with_help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    pub(crate) fn with_code(self, code: IssueCode) -> Self {
        Self { code, ..self }
    }

    pub(crate) fn with_severity(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }

    /// Raises a warning to an error for an author, who has to fix what a host lets pass.
    pub(crate) fn for_audience(self, audience: Audience) -> Self {
        match audience {
            Audience::Host => self,
            Audience::Author => self.with_severity(Severity::Error),
        }
    }

    pub(crate) fn at_place(self, place: Place) -> Self {
        Self {
            place: Some(place),
            ..self
        }
    }

    /// Finds the place of the pointer in the text it was read from, unless it is known already.
    pub(crate) fn located(self, text: &str, document: &Document<'_>) -> Self {
        if self.place.is_some() || self.code == IssueCode::MoreIssues {
            return self;
        }
        let span = match document.find(&self.pointer) {
            Found::Exact { key: Some(key), .. } if self.target == Target::Key => key,
            Found::Exact { value, .. } => value,
            // For something missing, the first bracket of the object is underlined, not all of it.
            Found::Around(object) => object.start..object.end.min(object.start + 1),
        };
        self.at_place(Place::of(text, &span))
    }

    pub(crate) const fn place(&self) -> Option<Place> {
        self.place
    }

    pub(crate) fn at_key(self) -> Self {
        Self {
            target: Target::Key,
            ..self
        }
    }

    /// Returns the JSON pointer to the value, such as `/volumes/1`; empty for the whole document.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Returns what kind of problem it is.
    #[must_use]
    pub const fn code(&self) -> IssueCode {
        self.code
    }

    /// Returns how much it matters.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// Returns what was found and the rule it breaks.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns what to write instead, where that is known.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Draws the issue with the line of `source` it is about, which must be the text that was read.
    ///
    /// Plain text of several lines for a terminal or a log, ending in a line break. Control
    /// characters of the source are not passed on.
    ///
    /// ```
    /// let source = "{\n  \"id\": \"porch-light\",\n  \"imgae\": \"example/light:1\"\n}";
    /// let error = hap_manifest::Manifest::from_json(source).unwrap_err();
    /// let issue = error.issues().iter().find(|issue| issue.code() == "unknown_field").unwrap();
    /// assert_eq!(issue.render(source), "\
    /// warning[unknown_field]: unknown field `imgae`
    ///  --> 3:3 (/imgae)
    ///   |
    /// 3 |   \"imgae\": \"example/light:1\"
    ///   |   ^^^^^^^
    ///   = help: did you mean `image`?
    /// ");
    /// ```
    #[must_use]
    pub fn render(&self, source: &str) -> String {
        let mut out = format!("{}[{}]: {}\n", self.severity, self.code, self.message);
        let pointer = crate::value::error::bare(&self.pointer);
        match (self.place, pointer.is_empty()) {
            (Some(place), true) => out.push_str(&format!(" --> {}:{}\n", place.line, place.column)),
            (Some(place), false) => {
                out.push_str(&format!(" --> {}:{} ({pointer})\n", place.line, place.column))
            }
            (None, true) => {}
            (None, false) => out.push_str(&format!(" --> {pointer}\n")),
        }
        if let Some(place) = self.place {
            place.draw(source, &mut out);
        }
        if let Some(help) = &self.help {
            out.push_str(&format!("  = help: {help}\n"));
        }
        out
    }

    /// Returns the line of the text, counted from 1; `None` for a manifest that was not read from
    /// text.
    #[must_use]
    pub fn line(&self) -> Option<u32> {
        self.place.map(|place| place.line)
    }

    /// Returns the column in characters, counted from 1; `None` for a manifest that was not read
    /// from text.
    #[must_use]
    pub fn column(&self) -> Option<u32> {
        self.place.map(|place| place.column)
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place {
            write!(f, "{}:{}: ", place.line, place.column)?;
        }
        write!(f, "{}[{}]", self.severity, self.code)?;
        if !self.pointer.is_empty() {
            write!(f, " {}", crate::value::error::bare(&self.pointer))?;
        }
        write!(f, ": {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// Why a manifest was refused: all its problems, warnings among them.
///
/// `Display` lists every issue on its own line.
///
/// ```
/// let error = hap_manifest::Manifest::from_json("{\n  \"id\": \"Light\"\n}").unwrap_err();
/// assert!(error.issues().len() > 1);
/// assert!(error.to_string().starts_with("the manifest has "));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestError {
    // Never empty. Holds at least one error: where warnings count, they are errors.
    issues: Vec<Issue>,
}

impl ManifestError {
    pub(crate) const fn new(issues: Vec<Issue>) -> Self {
        Self { issues }
    }

    /// Returns all problems, in the order of the text.
    #[must_use]
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// Draws every issue with its source line; see [`Issue::render`].
    #[must_use]
    pub fn render(&self, source: &str) -> String {
        self.issues
            .iter()
            .map(|issue| issue.render(source))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.issues.len() {
            1 => write!(f, "the manifest has a problem:")?,
            count => write!(f, "the manifest has {count} problems:")?,
        }
        self.issues.iter().try_for_each(|issue| write!(f, "\n  {issue}"))
    }
}

impl std::error::Error for ManifestError {}
