//! What is asked of a plugin, and how much it weighs.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How much of the protocol a plugin is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Level {
    /// What the plugin guide demands and nothing more. A few lines of a web framework pass.
    #[default]
    Guide,
    /// All that the protocol says.
    Full,
}

impl Level {
    /// Returns the word for it: `guide` or `full`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guide => "guide",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        match text {
            "guide" => Ok(Self::Guide),
            "full" => Ok(Self::Full),
            other => Err(UnknownLevel(other.to_owned())),
        }
    }
}

/// The text names no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no level; the levels are guide and full")]
pub struct UnknownLevel(String);

/// How much a case weighs at a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Weight {
    /// A failure means that the plugin does not conform.
    Required,
    /// A failure is told as advice.
    Recommended,
    /// A failure is told as a note.
    Optional,
}

impl Weight {
    /// Returns the word for it: `required`, `recommended` or `optional`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Recommended => "recommended",
            Self::Optional => "optional",
        }
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
