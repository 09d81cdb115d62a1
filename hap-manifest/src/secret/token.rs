//! [`ApiToken`].

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use crate::value::error::ParseError;

const WHAT: &str = "API token";
const PREFIX: &str = "hap_";
const RULE: &str = "it must be \"hap_\" and 43 characters of A-Z, a-z, 0-9, - and _, which are 32 random bytes in \
                    URL-safe base64 without padding";

/// The bearer token shared by a host and one plugin: `hap_` and 32 bytes in URL-safe base64.
///
/// It is kept out of `Debug` and has neither `Display` nor `Serialize`, so it reaches a log or a
/// document only through [`expose`](Self::expose). The memory is overwritten when it is dropped.
///
/// ```
/// use hap_manifest::ApiToken;
///
/// let token = ApiToken::from_bytes(&[7; 32]);
/// assert_eq!(format!("{token:?}"), "ApiToken([REDACTED])");
/// assert!(token.matches(token.expose()));
/// assert!(!token.matches("hap_guess"));
/// ```
#[derive(Clone)]
pub struct ApiToken(SecretString);

impl ApiToken {
    /// Creates a token of 32 bytes, which must come from a cryptographic random source.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)).into())
    }

    /// Reads a token that a host has issued.
    ///
    /// # Errors
    /// Refuses anything but `hap_` and 43 characters of URL-safe base64. The message does not
    /// repeat the text.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let encoded = text.strip_prefix(PREFIX).unwrap_or_default();
        match URL_SAFE_NO_PAD.decode(encoded) {
            Ok(bytes) if bytes.len() == 32 => Ok(Self(text.into())),
            _ => Err(ParseError::hidden(WHAT, RULE)),
        }
    }

    /// Returns the token itself, for a header or an environment variable. Keep it out of logs.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Compares with a presented token in a time that does not depend on where they differ.
    #[must_use]
    pub fn matches(&self, presented: &str) -> bool {
        self.expose().as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

impl std::fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiToken([REDACTED])")
    }
}

impl std::str::FromStr for ApiToken {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text() {
        let token = ApiToken::from_bytes(&[255; 32]);
        assert_eq!(token.expose().len(), 47);
        assert!(ApiToken::parse(token.expose()).unwrap().matches(token.expose()));
    }

    #[test]
    fn a_refusal_does_not_repeat_the_text() {
        for text in [
            "",
            "secret",
            "hap_secret",
            "hap_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ] {
            let message = ApiToken::parse(text).unwrap_err().to_string();
            assert!(text.is_empty() || !message.contains(text), "{message}");
        }
    }

    #[test]
    fn only_the_whole_token_matches() {
        let token = ApiToken::from_bytes(&[1; 32]);
        let text = token.expose();
        assert!(!token.matches(""));
        assert!(!token.matches(&text[..46]));
        assert!(!token.matches(&format!("{text}=")));
        assert!(!token.matches(ApiToken::from_bytes(&[2; 32]).expose()));
    }
}
