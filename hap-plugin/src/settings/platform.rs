//! [`PlatformUrl`].

use std::fmt;

use reqwest::Url;

/// Base address of the platform's API, without a slash at the end.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PlatformUrl(Box<str>);

impl PlatformUrl {
    /// Reads an `http://` address. The message of a refusal names the rule; it repeats the address unless that
    /// holds a password.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let url =
            Url::parse(text).map_err(|error| format!("{text:?} is not an address ({error}); {EXAMPLE}"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "the address must not hold a user name or password; HAP_API_TOKEN authenticates".to_owned(),
            );
        }
        if url.scheme() != "http" {
            return Err(format!(
                "{text:?} is not an http:// address; plugins talk to their host without TLS"
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("{text:?} must end with its path; {EXAMPLE}"));
        }
        Ok(Self(url.as_str().trim_end_matches('/').into()))
    }

    /// Where events go.
    pub(crate) fn events(&self) -> String {
        format!("{}/events", self.0)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

const EXAMPLE: &str = "for example http://172.20.0.1:9000/api/v1";

impl fmt::Debug for PlatformUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_at_the_end_makes_no_difference() {
        for text in ["http://10.0.0.1:9000/api/v1", "http://10.0.0.1:9000/api/v1/"] {
            let events = PlatformUrl::parse(text).unwrap().events();
            assert_eq!(events, "http://10.0.0.1:9000/api/v1/events");
        }
    }

    #[test]
    fn a_password_is_not_repeated() {
        let message = PlatformUrl::parse("http://me:hunter2@host/api").unwrap_err();
        assert!(!message.contains("hunter2"), "{message}");
    }

    #[test]
    fn other_schemes_are_refused() {
        for text in [
            "https://host/api/v1",
            "ftp://host",
            "host:80",
            "",
            "http://host/api?x=1",
        ] {
            assert!(PlatformUrl::parse(text).is_err(), "{text}");
        }
    }
}
