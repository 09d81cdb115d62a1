//! What a manifest asks for beyond the default: [`DevicePath`], [`Capability`] and [`ContainerUser`].

use crate::ParseError;
use crate::error::{first_refused, quoted};
use crate::newtype::text_newtype;

/// A device of the host, such as `/dev/ttyUSB0`, that a plugin asks for.
///
/// Below `/dev/`, normal, without `:`: the plugin sees it under the same name.
///
/// ```
/// use hap_manifest::DevicePath;
///
/// assert!("/dev/ttyUSB0".parse::<DevicePath>().is_ok());
/// assert!("/dev/../etc/shadow".parse::<DevicePath>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DevicePath(Box<str>);

impl DevicePath {
    const WHAT: &str = "device path";

    fn parse(text: &str) -> Result<Self, ParseError> {
        let refuse = |rule: String| ParseError::new(Self::WHAT, quoted(text), rule);
        let example = "for example \"/dev/ttyUSB0\"";
        let Some(below) = text.strip_prefix("/dev/") else {
            return Err(refuse("it must begin with \"/dev/\"".to_owned()).with_help(example));
        };
        if text.len() > 255 {
            return Err(refuse(format!(
                "it has {} bytes, at most 255 are allowed",
                text.len()
            )));
        }
        if let Some((position, found)) =
            first_refused(text, |c| c.is_ascii_alphanumeric() || "/._-+".contains(c))
        {
            return Err(refuse(format!("{found:?} at position {position} is not allowed")).with_help(example));
        }
        if below.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(refuse("it has an empty, '.' or '..' segment".to_owned()).with_help(example));
        }
        Ok(Self(text.into()))
    }
}

text_newtype!(
    DevicePath,
    max: 255,
    pattern: "^/dev(/[A-Za-z0-9._+-]+)+$",
    about: "Device of the host, below /dev/.",
);

/// A Linux capability that a plugin asks for, such as `NET_RAW`, kept without the prefix `CAP_`.
///
/// The kernel's list grows, so any well-formed name is taken; which are granted is the host's policy.
///
/// ```
/// use hap_manifest::Capability;
///
/// let capability: Capability = "CAP_NET_RAW".parse()?;
/// assert_eq!(capability.as_str(), "NET_RAW");
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(Box<str>);

impl Capability {
    fn parse(text: &str) -> Result<Self, ParseError> {
        let name = text.strip_prefix("CAP_").unwrap_or(text);
        let refuse = |rule: String| {
            Err(ParseError::new("capability", quoted(text), rule).with_help("for example \"NET_RAW\""))
        };
        if let Some((position, found)) =
            first_refused(text, |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        {
            return refuse(format!(
                "{found:?} at position {position} is not one of A-Z, 0-9 and '_'"
            ));
        }
        if name.len() > 32 || !name.starts_with(|c: char| c.is_ascii_uppercase()) {
            return refuse("it must begin with a letter and have at most 32 characters".to_owned());
        }
        if name == "ALL" {
            return refuse("it would lift every restriction".to_owned());
        }
        Ok(Self(name.into()))
    }
}

text_newtype!(
    Capability,
    max: 36,
    pattern: "^(CAP_)?[A-Z][A-Z0-9_]*$",
    about: "Linux capability, with or without the prefix CAP_.",
);

/// The user, and optionally the group, that a plugin's process runs as: `user[:group]`, each a name or a number.
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
    pattern: "^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$",
    about: "User and optional group, user[:group], each a name or a number.",
);
