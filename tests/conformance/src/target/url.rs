use std::{
    fmt,
    net::{SocketAddr, ToSocketAddrs as _},
    str::FromStr,
};

use hap_manifest::ApiToken;

/// Where a plugin runs already: `http://`, a host and a port.
#[derive(Clone)]
pub struct Url {
    text: String,
    pub(crate) address: SocketAddr,
    pub(crate) token: Option<ApiToken>,
}

/// The text is no address of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is no address of a plugin: {why}; write it as http://127.0.0.1:8000")]
pub struct BadUrl {
    url: String,
    why: String,
}

impl Url {
    /// Returns the address itself.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the same address with the token that the plugin there was given.
    #[must_use]
    pub fn token(self, token: ApiToken) -> Self {
        Self {
            token: Some(token),
            ..self
        }
    }
}

impl FromStr for Url {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let bad = |why: String| BadUrl {
            url: text.to_owned(),
            why,
        };
        let rest = text
            .strip_prefix("http://")
            .ok_or_else(|| bad("it does not begin with http://".to_owned()))?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@']) {
            return Err(bad("there is something behind the port".to_owned()));
        }
        let with_port = match authority.rsplit_once(':') {
            Some((_, port)) if !port.contains(']') => authority.to_owned(),
            _ => format!("{authority}:80"),
        };
        let mut found = with_port
            .to_socket_addrs()
            .map_err(|error| bad(error.to_string()))?;
        let address = found
            .next()
            .ok_or_else(|| bad("the name has no address".to_owned()))?;
        Ok(Self {
            text: format!("http://{authority}"),
            address,
            token: None,
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Url")
            .field("text", &self.text)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_host_and_nothing_behind_them() {
        for good in ["http://127.0.0.1:8000", "http://[::1]:8000/", "http://127.0.0.1"] {
            assert!(good.parse::<Url>().is_ok(), "{good}");
        }
        for bad in [
            "127.0.0.1:8000",
            "https://127.0.0.1",
            "http://127.0.0.1/api",
            "http://a@127.0.0.1",
            "http://",
        ] {
            let error = bad.parse::<Url>().unwrap_err().to_string();
            assert!(error.contains("write it as http://127.0.0.1:8000"), "{error}");
        }
    }
}
