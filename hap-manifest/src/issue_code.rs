//! [`IssueCode`].

use std::fmt;

/// What kind of problem an [`Issue`](crate::Issue) is; stable, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum IssueCode {
    /// More than [`Manifest::MAX_BYTES`](crate::Manifest::MAX_BYTES), as it was read or as it would be written.
    TooLarge,
    /// The bytes are not UTF-8.
    InvalidUtf8,
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
    /// A version range that no version is in.
    EmptyRange,
    /// A secret that the configuration does not have.
    UnknownSecret,
    /// Times of the health check that contradict each other.
    HealthTiming,
    /// A `config_schema` that is no JSON Schema, or not one that may be used. Found by strict reading.
    InvalidSchema,
    /// A default in `config_schema` that the schema itself refuses. Found by strict reading.
    WrongDefault,
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
            Self::InvalidUtf8 => "invalid_utf8",
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
            Self::EmptyRange => "empty_range",
            Self::UnknownSecret => "unknown_secret",
            Self::HealthTiming => "health_timing",
            Self::InvalidSchema => "invalid_schema",
            Self::WrongDefault => "wrong_default",
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
