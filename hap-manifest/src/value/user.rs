//! [`ContainerUser`].

use super::error::{ParseError, quoted};
use super::newtype::text_newtype;

/// The user, and optionally the group, that a plugin's process runs as: `user[:group]`, each a name
/// or a number.
///
/// ```
/// use hap_manifest::ContainerUser;
///
/// assert!("1000:1000".parse::<ContainerUser>().is_ok());
/// assert!("a b".parse::<ContainerUser>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerUser(Box<str>);

impl ContainerUser {
    /// Returns whether the text names the user with all rights: `root` or number zero. Another name
    /// may still stand for number zero in an image.
    #[must_use]
    pub fn is_root(&self) -> bool {
        is_root(self.0.split(':').next())
    }

    /// Returns whether a group is named and is that of root.
    #[must_use]
    pub fn is_root_group(&self) -> bool {
        is_root(self.0.split(':').nth(1))
    }

    fn parse(text: &str) -> Result<Self, ParseError> {
        let part = |part: &str| {
            let inner = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            let first = |c: char| c.is_ascii_alphanumeric() || c == '_';
            part.len() <= 32 && part.starts_with(first) && part.chars().all(inner)
        };
        let (user, group) = text
            .split_once(':')
            .map_or((text, None), |(user, group)| (user, Some(group)));
        if part(user) && group.is_none_or(part) {
            Ok(Self(text.into()))
        } else {
            let rule = "it must be a name or number, optionally with ':' and a group, each of at most 32 letters, digits, '_', '.' and '-'";
            Err(ParseError::new("user", quoted(text), rule).with_help("for example \"1000:1000\""))
        }
    }
}

text_newtype!(
    ContainerUser,
    max: 65,
    pattern: "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,31})?$",
    about: "User and optional group, user[:group], each a name or a number.",
    examples: ["1000:1000"],
);

fn is_root(part: Option<&str>) -> bool {
    part.is_some_and(|part| part == "root" || (!part.is_empty() && part.bytes().all(|digit| digit == b'0')))
}
