//! [`IssueCode`].

use std::fmt;

/// Defines the enum, the list of all codes, and their texts in one table.
macro_rules! issue_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What kind of problem an [`Issue`](crate::Issue) is; stable, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum IssueCode {
            $($(#[$doc])* $name,)*
        }

        impl IssueCode {
            /// All codes that this version knows.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns the code as text, such as `missing_field`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

issue_codes! {
    /// The text that was read, or the one that would be written, has more than
    /// [`Manifest::MAX_BYTES`](crate::Manifest::MAX_BYTES).
    TooLarge = "too_large",
    /// The bytes are not UTF-8.
    InvalidUtf8 = "invalid_utf8",
    /// The text is not JSON.
    InvalidJson = "invalid_json",
    /// An object has the same key twice.
    DuplicateKey = "duplicate_key",
    /// A required field is absent.
    MissingField = "missing_field",
    /// A field that this version does not know.
    UnknownField = "unknown_field",
    /// A value of another JSON type.
    WrongType = "wrong_type",
    /// A value that breaks the rule of its field.
    InvalidValue = "invalid_value",
    /// A list or map with too many entries.
    TooMany = "too_many",
    /// The same entry twice in a list; a warning where it is the very same, which then counts once.
    DuplicateEntry = "duplicate_entry",
    /// An environment variable that only the host sets.
    ReservedName = "reserved_name",
    /// A volume where the container keeps something of its own.
    ReservedPath = "reserved_path",
    /// Two mounts of which one covers the other.
    OverlappingPaths = "overlapping_paths",
    /// Two endpoints on one path.
    EndpointCollision = "endpoint_collision",
    /// A plugin that waits for itself.
    SelfDependency = "self_dependency",
    /// A version range that no version is in.
    EmptyRange = "empty_range",
    /// A secret that the configuration does not have.
    UnknownSecret = "unknown_secret",
    /// Times of the health check that contradict each other.
    HealthTiming = "health_timing",
    /// A `config_schema` that is no JSON Schema, or not one that may be used. Found by strict
    /// reading.
    InvalidSchema = "invalid_schema",
    /// A default in `config_schema` that the schema itself refuses. Found by strict reading.
    WrongDefault = "wrong_default",
    /// A word in `config_schema` that is most likely a misspelt keyword, or a part without a single
    /// one. Found by strict reading.
    UnknownKeyword = "unknown_keyword",
    /// Devices without the access to them.
    DevicesWithoutAccess = "devices_without_access",
    /// A capability that is not known; a warning, since kernels may learn more.
    UnknownCapability = "unknown_capability",
    /// A name that engines take and that is most likely meant otherwise; a warning: an environment
    /// variable that no shell reads, a registry by nothing but its upper-case letters.
    UnusualName = "unusual_name",
    /// A file that a package should have and lacks; a warning to those who read it.
    MissingFile = "missing_file",
    /// More problems than are listed.
    MoreIssues = "more_issues",
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
