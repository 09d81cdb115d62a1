use std::{borrow::Cow, fmt, str::FromStr};

use hap_manifest::ParseError;
use serde::{Deserialize, Deserializer};

/// The name that keeps the plugins of two supervisors on one engine apart.
///
/// Part of every label and of every container, network and volume name, so it is short and plain:
/// `[a-z0-9]([a-z0-9-]*[a-z0-9])?`, at most 24 characters. The default is `default`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceName(Box<str>);

impl InstanceName {
    /// Longest name, in characters.
    pub const MAX_LEN: usize = 24;

    /// Checks a name.
    ///
    /// # Errors
    /// When the name breaks the rule above.
    pub fn new(name: &str) -> Result<Self, ParseError> {
        let edges_fit = !name.starts_with('-') && !name.ends_with('-');
        let letters_fit = name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if name.is_empty() || name.len() > Self::MAX_LEN || !edges_fit || !letters_fit {
            let rule = format!(
                "it needs 1 to {} of the characters a-z, 0-9 and -, with no - at either end",
                Self::MAX_LEN
            );
            return Err(ParseError::of(
                "instance name",
                name,
                rule,
                "use one such as home-1",
            ));
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for InstanceName {
    fn default() -> Self {
        Self("default".into())
    }
}

impl FromStr for InstanceName {
    type Err = ParseError;

    fn from_str(name: &str) -> Result<Self, ParseError> {
        Self::new(name)
    }
}

impl<'de> Deserialize<'de> for InstanceName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_fit_are_kept_and_others_are_refused_with_the_rule() {
        for good in ["default", "a", "home-2", "0"] {
            assert_eq!(InstanceName::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-a",
            "a-",
            "Home",
            "a_b",
            "a.b",
            "aaaaaaaaaaaaaaaaaaaaaaaaa",
            "a b",
            "é",
        ] {
            let error = InstanceName::new(bad).unwrap_err();
            assert!(error.to_string().contains("a-z, 0-9 and -"), "{error}");
        }
    }
}
