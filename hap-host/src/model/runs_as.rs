use std::fmt;

use serde::{Deserialize, Serialize};

/// Who the program of a plugin runs as in its container. Without a remapping by the engine, numbers
/// of users in containers are those of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunsAs {
    /// A number of its own, for user and group, that nothing else on the machine has. The host chose
    /// it, because neither the manifest nor the image names a user, or because the policy says so.
    Own(u32),
    /// The user that its manifest names.
    Manifest(String),
    /// The user that its image names, as the image says it.
    Image(String),
    /// Whatever its image says, which is root where that says nothing: it was installed before plugins
    /// had numbers of their own.
    #[default]
    AsBefore,
    /// The user of the host: the engine runs programs without a container.
    Host,
}

impl RunsAs {
    /// The number that is only the plugin's.
    pub(crate) const fn own_number(&self) -> Option<u32> {
        match self {
            Self::Own(number) => Some(*number),
            _ => None,
        }
    }
}

impl fmt::Display for RunsAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(number) => write!(f, "user {number}, which is only its own"),
            Self::Manifest(user) => write!(f, "user {user}, as its manifest says"),
            Self::Image(user) => write!(f, "user {user}, as its image says"),
            Self::AsBefore => f.write_str("the user of its image, or root where that names none"),
            Self::Host => f.write_str("the user of the host"),
        }
    }
}
