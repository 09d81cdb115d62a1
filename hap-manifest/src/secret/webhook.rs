//! [`WebhookSecret`].

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::{ExposeSecret as _, SecretSlice};

use crate::value::error::ParseError;

const WHAT: &str = "webhook secret";
const PREFIX: &str = "whsec_";

/// Writes padding, and reads with or without it: other tools leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The key that signs webhooks: 24 to 64 bytes, written `whsec_` and base64.
///
/// Read with or without that prefix, as other libraries of the scheme do; always written with it.
///
/// It is kept out of `Debug` and has neither `Display` nor `Serialize`. The memory is overwritten
/// when it is dropped.
///
/// ```
/// use hap_manifest::WebhookSecret;
///
/// let secret = WebhookSecret::from_bytes(&[7; 32])?;
/// assert_eq!(format!("{secret:?}"), "WebhookSecret([REDACTED])");
/// let same: WebhookSecret = secret.expose().parse()?;
/// assert_eq!(same.expose(), secret.expose());
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Clone)]
pub struct WebhookSecret(SecretSlice<u8>);

impl WebhookSecret {
    /// Creates a secret of 24 to 64 bytes, which must come from a cryptographic random source.
    ///
    /// # Errors
    /// Refuses fewer and more bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ParseError> {
        if (24..=64).contains(&bytes.len()) {
            Ok(Self(bytes.to_vec().into()))
        } else {
            let rule = format!("it has {} bytes, 24 to 64 are allowed", bytes.len());
            Err(ParseError::hidden(WHAT, rule))
        }
    }

    /// Returns the secret as text, for an environment variable. Keep it out of logs.
    #[must_use]
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", BASE64.encode(self.bytes()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret([REDACTED])")
    }
}

impl std::str::FromStr for WebhookSecret {
    type Err = ParseError;

    /// Reads base64, usually behind `whsec_`. The message of a refusal does not repeat the text.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let encoded = text.strip_prefix(PREFIX).unwrap_or(text);
        let bytes = BASE64
            .decode(encoded)
            .map_err(|_| ParseError::hidden(WHAT, "it must be \"whsec_\" and base64"))?;
        Self::from_bytes(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_may_be_left_out() {
        let secret = WebhookSecret::from_bytes(&[9; 32]).unwrap();
        let text = secret.expose();
        assert!(text.ends_with('='));
        let same: WebhookSecret = text.trim_end_matches('=').parse().unwrap();
        assert_eq!(same.expose(), text);
    }

    #[test]
    fn the_prefix_may_be_left_out() {
        let text = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
        let secret: WebhookSecret = text.trim_start_matches(PREFIX).parse().unwrap();
        assert_eq!(secret.expose(), text);
        // A token instead of the secret is a mistake.
        let token = crate::secret::token::ApiToken::from_bytes(&[1; 32]);
        assert!(token.expose().parse::<WebhookSecret>().is_err());
    }

    #[test]
    fn a_refusal_does_not_repeat_the_text() {
        for text in ["", "topsecret", "whsec_topsecret", "whsec_!!!", "whsec_whsec_!!!"] {
            let message = text.parse::<WebhookSecret>().unwrap_err().to_string();
            assert!(
                !message.contains("topsecret") && !message.contains("!!!"),
                "{message}"
            );
        }
    }

    #[test]
    fn the_length_is_bounded() {
        for (len, accepted) in [(0, false), (23, false), (24, true), (64, true), (65, false)] {
            assert_eq!(
                WebhookSecret::from_bytes(&vec![0; len]).is_ok(),
                accepted,
                "{len}"
            );
        }
    }
}
