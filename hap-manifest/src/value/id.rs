//! [`PluginId`].

use super::error::{ParseError, first_refused, quoted, too_long};
use super::newtype::text_newtype;

/// Names a plugin: a DNS label, so it is safe as container name, host name, label value and path
/// segment.
///
/// At most 63 of `a-z`, `0-9` and `-`, beginning and ending with a letter or digit.
///
/// ```
/// use hap_manifest::PluginId;
///
/// let id: PluginId = "porch-light".parse()?;
/// assert_eq!(id.as_str(), "porch-light");
/// assert!(PluginId::new("-light").is_err());
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginId(Box<str>);

impl PluginId {
    /// Longest id, in bytes: the limit of a DNS label.
    pub const MAX_LEN: usize = 63;

    /// Checks an id.
    ///
    /// # Errors
    /// Refuses an empty or too long text, any other character, and a `-` at either end.
    pub fn new(id: impl AsRef<str>) -> Result<Self, ParseError> {
        Self::parse(id.as_ref())
    }

    fn parse(text: &str) -> Result<Self, ParseError> {
        let refuse = |rule: String| {
            let error = ParseError::new("plugin id", quoted(text), rule);
            match Self::proposal(text) {
                Some(proposal) => error.with_help(format!("try \"{proposal}\"")),
                None => error.with_help("for example \"porch-light\""),
            }
        };
        if text.is_empty() {
            return Err(refuse("it is empty".to_owned()));
        }
        if let Some((position, found)) =
            first_refused(text, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        {
            return Err(refuse(format!(
                "{found:?} at position {position} is not one of a-z, 0-9 and '-'"
            )));
        }
        if text.len() > Self::MAX_LEN {
            return Err(refuse(too_long(text.len(), "characters", Self::MAX_LEN)));
        }
        if text.starts_with('-') || text.ends_with('-') {
            return Err(refuse("it must begin and end with a letter or digit".to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// Returns the nearest valid id, for the help line.
    fn proposal(text: &str) -> Option<String> {
        let mut id = String::new();
        for c in text.chars().take(2 * Self::MAX_LEN) {
            if c.is_ascii_alphanumeric() {
                id.push(c.to_ascii_lowercase());
            } else if !id.ends_with('-') {
                id.push('-');
            }
        }
        id.truncate(Self::MAX_LEN);
        let id = id.trim_matches('-');
        (!id.is_empty()).then(|| id.to_owned())
    }
}

text_newtype!(
    PluginId,
    max: 63,
    pattern: "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
    about: "Unique name of the plugin: a DNS label of a-z, 0-9 and '-', at most 63 characters.",
    examples: ["porch-light"],
);
