//! [`Issue`] and [`ManifestError`]: everything that is wrong with a manifest, told at once.

use std::fmt;
use std::ops::Range;

use crate::ParseError;

/// What kind of problem an [`Issue`] is; stable, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum IssueCode {
    /// The text is larger than [`Manifest::MAX_BYTES`](crate::Manifest::MAX_BYTES).
    TooLarge,
    /// The text is not JSON.
    InvalidJson,
    /// An object has the same key twice.
    DuplicateKey,
    /// A required field is absent.
    MissingField,
    /// A field that this version does not know.
    UnknownField,
    /// A value of another JSON type.
    WrongType,
    /// A value that breaks the rule of its field.
    InvalidValue,
    /// A list or map with too many entries.
    TooMany,
    /// The same entry twice in a list.
    DuplicateEntry,
    /// An environment variable that only the host sets.
    ReservedName,
    /// A volume where the container keeps something of its own.
    ReservedPath,
    /// Two mounts of which one covers the other.
    OverlappingPaths,
    /// Two endpoints on one path.
    EndpointCollision,
    /// A plugin that waits for itself.
    SelfDependency,
    /// A secret that the configuration does not have.
    UnknownSecret,
    /// Times of the health check that contradict each other.
    HealthTiming,
    /// Devices without the access to them.
    DevicesWithoutAccess,
    /// More problems than are listed.
    MoreIssues,
}

impl IssueCode {
    /// The code as text, such as `missing_field`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::InvalidJson => "invalid_json",
            Self::DuplicateKey => "duplicate_key",
            Self::MissingField => "missing_field",
            Self::UnknownField => "unknown_field",
            Self::WrongType => "wrong_type",
            Self::InvalidValue => "invalid_value",
            Self::TooMany => "too_many",
            Self::DuplicateEntry => "duplicate_entry",
            Self::ReservedName => "reserved_name",
            Self::ReservedPath => "reserved_path",
            Self::OverlappingPaths => "overlapping_paths",
            Self::EndpointCollision => "endpoint_collision",
            Self::SelfDependency => "self_dependency",
            Self::UnknownSecret => "unknown_secret",
            Self::HealthTiming => "health_timing",
            Self::DevicesWithoutAccess => "devices_without_access",
            Self::MoreIssues => "more_issues",
        }
    }
}

impl fmt::Display for IssueCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PartialEq<&str> for IssueCode {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

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

/// Where in the text an issue lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) bytes: Range<usize>,
}

/// One problem of a manifest: where it is, what was found, what is allowed, and often what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    pointer: String,
    code: IssueCode,
    severity: Severity,
    message: String,
    help: Option<String>,
    pub(crate) target: Target,
    pub(crate) place: Option<Place>,
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

    pub(crate) fn at_key(self) -> Self {
        Self {
            target: Target::Key,
            ..self
        }
    }

    /// JSON pointer to the value, such as `/volumes/1`; empty for the whole document.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// What kind of problem it is.
    #[must_use]
    pub const fn code(&self) -> IssueCode {
        self.code
    }

    /// Whether the manifest is refused for it.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// What was found and the rule it breaks.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to write instead, where that can be told.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Line of the text, counted from 1; `None` for a manifest that was not read from text.
    #[must_use]
    pub fn line(&self) -> Option<u32> {
        self.place.as_ref().map(|place| place.line)
    }

    /// Column in characters, counted from 1; `None` for a manifest that was not read from text.
    #[must_use]
    pub fn column(&self) -> Option<u32> {
        self.place.as_ref().map(|place| place.column)
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{}:{}: ", place.line, place.column)?;
        }
        write!(f, "{}[{}]", self.severity, self.code)?;
        if !self.pointer.is_empty() {
            write!(f, " {}", crate::error::bare(&self.pointer))?;
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
    // Never empty, and never warnings alone unless these were asked to count.
    issues: Vec<Issue>,
}

impl ManifestError {
    pub(crate) const fn new(issues: Vec<Issue>) -> Self {
        Self { issues }
    }

    /// All problems, in the order of the text.
    #[must_use]
    pub fn issues(&self) -> &[Issue] {
        &self.issues
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
