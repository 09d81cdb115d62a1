//! [`PlatformUrl`].

use std::fmt;

use http::Uri;

/// Base address of the platform's API, without a slash at the end.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PlatformUrl(Box<str>);

impl PlatformUrl {
    /// Reads an `http://` address. The message of a refusal names the rule; it repeats the address
    /// unless that holds a password.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        // First, so that no other refusal repeats them.
        let from_host = text.split_once("://").map_or(text, |(_, rest)| rest);
        let host = from_host.split(['/', '?', '#']).next();
        if host.is_some_and(|host| host.contains('@')) {
            return Err(
                "the address must not hold a user name or password; HAP_API_TOKEN authenticates".to_owned(),
            );
        }
        // A mistyped one may hold a password where nobody looks for it.
        let shown = if text.contains('@') {
            "what is given".to_owned()
        } else {
            format!("{text:?}")
        };
        let uri: Uri = text
            .parse()
            .map_err(|error| format!("{shown} is not an address ({error}); {EXAMPLE}"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(format!("{shown} is not an address; {EXAMPLE}"));
        };
        if scheme != "http" {
            return Err(format!(
                "{shown} is not an http:// address; plugins talk to their host without TLS"
            ));
        }
        // What follows the host can only be a port.
        if authority.host().is_empty()
            || (authority.as_str() != authority.host() && authority.port_u16().is_none())
        {
            return Err(format!("{shown} has no host, or a port that is none; {EXAMPLE}"));
        }
        // An address leaves out by itself what follows a `#`.
        if uri.query().is_some() || text.contains('#') {
            return Err(format!("{shown} must end with its path; {EXAMPLE}"));
        }
        let path = uri.path().trim_end_matches('/');
        Ok(Self(format!("http://{authority}{path}").into()))
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
    fn a_host_is_a_name_or_an_address_with_a_port_or_without() {
        for (text, kept) in [
            ("http://platform", "http://platform"),
            ("http://platform:9000/", "http://platform:9000"),
            ("http://[fd00::1]:9000/api", "http://[fd00::1]:9000/api"),
            ("http://[fd00::1]/api", "http://[fd00::1]/api"),
            ("HTTP://10.0.0.1/api", "http://10.0.0.1/api"),
        ] {
            assert_eq!(PlatformUrl::parse(text).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn a_password_is_not_repeated() {
        for text in [
            "http://me:hunter2@host/api",
            "http:/me:hunter2@host/api",
            "http:///me:hunter2@host/api",
            "//me:hunter2@host",
            "http://me:hunter2/x@host",
        ] {
            let message = PlatformUrl::parse(text).unwrap_err();
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn other_schemes_are_refused() {
        for text in [
            "https://host/api/v1",
            "ftp://host",
            "host:80",
            "",
            "http://host/api?x=1",
            "http://host/api#x",
            "http://",
            "http://host:",
            "http://host:99999/api",
            "http://host:x/api",
            "http://a b/api",
            "/api/v1",
        ] {
            assert!(PlatformUrl::parse(text).is_err(), "{text}");
        }
    }
}
