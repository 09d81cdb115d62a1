use std::{sync::Arc, time::SystemTime};

use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use hap_manifest::{
    PluginId, WebhookSecret,
    webhook::{self, VerifyError},
};

use super::{
    credentials::{Credentials, Keys},
    rejection::Refusal,
};

/// How a request proves which plugin sent it.
///
/// A token is checked from the headers alone, so a body without one is not even read. A signature
/// covers the body; before it is read only the form and the age of the headers are checked.
#[derive(Debug)]
pub(super) enum Proof {
    /// A good token.
    Token,
    /// A signature, still to be [checked](Self::check).
    Signature {
        id: String,
        timestamp: String,
        signature: String,
    },
}

impl Proof {
    /// Reads the headers. A signature, where there is one, decides alone.
    pub(super) fn read(
        headers: &HeaderMap,
        plugin: Option<&PluginId>,
        credentials: &Credentials,
        now: SystemTime,
    ) -> Result<Self, Refusal> {
        if headers.contains_key(webhook::SIGNATURE_HEADER) {
            let text = |name: &'static str| {
                single(headers, HeaderName::from_static(name))
                    .unwrap_or_default()
                    .to_owned()
            };
            let proof = Self::Signature {
                id: text(webhook::ID_HEADER),
                timestamp: text(webhook::TIMESTAMP_HEADER),
                signature: text(webhook::SIGNATURE_HEADER),
            };
            // Without a secret nothing matches: whatever else is wrong is told first.
            return match proof.verify(&[], b"", now) {
                Err(VerifyError::NoMatch) => Ok(proof),
                Err(error) => Err(refuse(error)),
                Ok(()) => Err(Refusal::unauthorized()),
            };
        }
        let token = single(headers, header::AUTHORIZATION).and_then(bearer);
        let keys = plugin.and_then(|plugin| credentials.get(plugin));
        match (token, keys) {
            (Some(token), Some(keys)) if keys.matches_token(token) => Ok(Self::Token),
            _ => Err(Refusal::unauthorized()),
        }
    }

    /// Checks what could not be checked before the body was there.
    pub(super) fn check(&self, keys: Option<&Keys>, body: &[u8], now: SystemTime) -> Result<(), Refusal> {
        if matches!(self, Self::Token) {
            // Good when the headers were read; gone if the plugin was removed meanwhile.
            return keys.map(drop).ok_or_else(Refusal::unauthorized);
        }
        // For an unknown plugin the same work is done with a key that proves nothing, so that the
        // time does not tell which plugins there are.
        let known = keys.is_some();
        let secrets = match keys {
            Some(keys) => keys.secrets(),
            None => WebhookSecret::from_bytes(&[0; 32]).into_iter().collect(),
        };
        match self.verify(&secrets, body, now) {
            Ok(()) if known => Ok(()),
            Ok(()) => Err(Refusal::unauthorized()),
            Err(error) => Err(refuse(error)),
        }
    }

    /// The id that the message was signed under.
    pub(super) fn message(&self) -> Option<&str> {
        match self {
            Self::Token => None,
            Self::Signature { id, .. } => Some(id),
        }
    }

    fn verify(&self, secrets: &[WebhookSecret], body: &[u8], now: SystemTime) -> Result<(), VerifyError> {
        match self {
            Self::Token => Ok(()),
            Self::Signature {
                id,
                timestamp,
                signature,
            } => webhook::verify(secrets, id, timestamp, signature, body, now),
        }
    }

    /// The plugin's keys, once more: they may have been taken away while the body was read.
    pub(super) fn keys(plugin: Option<&PluginId>, credentials: &Credentials) -> Option<Arc<Keys>> {
        plugin.and_then(|plugin| credentials.get(plugin))
    }
}

/// What is wrong with the form or the clock is no secret and worth knowing; the rest is one answer.
fn refuse(error: VerifyError) -> Refusal {
    match error {
        VerifyError::TooOld | VerifyError::TooNew => {
            Refusal::new(StatusCode::UNAUTHORIZED, "stale_timestamp", error.to_string())
        }
        _ => Refusal::unauthorized(),
    }
}

/// The value of a header that is there exactly once.
fn single(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok()
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
