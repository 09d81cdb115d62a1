use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

/// How far the settings that are kept for a plugin have come.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ConfigState {
    /// None are kept for it: it runs with its own defaults.
    #[default]
    None,
    /// The plugin does not have them yet. They are sent when it is healthy, and again until it has
    /// or refuses them.
    Pending {
        /// Why the last try failed; `None` before the first.
        reason: Option<String>,
    },
    /// The plugin took them in this run.
    Delivered,
    /// The plugin refuses them, in these words. They are kept, and sent again after its next start.
    Refused(String),
}

impl ConfigState {
    /// The name of the state: `none`, `pending`, `delivered` or `refused`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pending { .. } => "pending",
            Self::Delivered => "delivered",
            Self::Refused(_) => "refused",
        }
    }

    /// Why they were not delivered, or are refused.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Pending { reason } => reason.as_deref(),
            Self::Refused(reason) => Some(reason),
            Self::None | Self::Delivered => None,
        }
    }
}

impl Serialize for ConfigState {
    /// As `{"state": ..., "reason": ...}`: the [name](ConfigState::as_str), and the words or null.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("ConfigState", 2)?;
        fields.serialize_field("state", self.as_str())?;
        fields.serialize_field("reason", &self.reason())?;
        fields.end()
    }
}

impl fmt::Display for ConfigState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self.reason() {
            Some(why) => write!(f, ": {why}"),
            None => Ok(()),
        }
    }
}
