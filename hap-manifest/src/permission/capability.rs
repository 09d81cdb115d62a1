//! [`Capability`].

use crate::ParseError;
use crate::error::{first_refused, quoted};
use crate::newtype::text_newtype;

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
    pattern: "^(CAP_)?[A-Z][A-Z0-9_]{0,31}$",
    except: "^CAP_([^A-Z]|$)|^(CAP_)?ALL$",
    about: "Linux capability, with or without the prefix CAP_.",
    examples: ["NET_RAW"],
);
