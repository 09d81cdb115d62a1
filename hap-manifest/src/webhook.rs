//! Signing and checking webhooks by the Standard Webhooks scheme.
//!
//! The signature is HMAC-SHA256 over `id.timestamp.body`. The receiver also checks that the
//! timestamp is within [`TOLERANCE`] of its own clock; to refuse a repeated message within that
//! time it remembers ids, which is not done here.
//!
//! # Ids
//!
//! A signed text must split into its parts in one way only. Otherwise an attacker who controls a
//! part of a signed body could pass it off as a message of its own. The specification asks senders
//! for ids without a `.`; [`message_id`] makes one of any text. [`verify`] also takes the dots that
//! hand-written senders use, as long as no part after a dot is a number. So only the timestamp can
//! be read as the timestamp.
//!
//! ```
//! use std::time::{Duration, UNIX_EPOCH};
//!
//! use hap_manifest::{WebhookSecret, webhook};
//!
//! let secret = WebhookSecret::from_bytes(&[7; 32])?;
//! let body = br#"{"type":"motion"}"#;
//! let sent = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
//! let timestamp = webhook::timestamp(sent).to_string();
//! let signature = webhook::sign(&secret, "msg-1", sent, body);
//!
//! let now = sent + Duration::from_secs(10);
//! webhook::verify(&[secret], "msg-1", &timestamp, &signature, body, now)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use crate::secret::webhook::WebhookSecret;

/// Header with the message's id, the same for every attempt to deliver it.
pub const ID_HEADER: &str = "webhook-id";
/// Header with the time of the attempt, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// Header with one or more signatures, separated by spaces.
pub const SIGNATURE_HEADER: &str = "webhook-signature";
/// How far a timestamp may be from the receiver's clock, either way.
pub const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// The symmetric scheme; others, such as `v1a`, are passed over.
const SCHEME: &str = "v1";
/// Signatures looked at in one header; more than any rotation of keys needs.
const MAX_SIGNATURES: usize = 16;

/// Longest id that [`message_id`] leaves as it is, in bytes.
const MAX_ID: usize = 128;

/// Says why a webhook was refused. It does not reveal which secret was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The id is empty, or has a number behind a `.`, which could be read as the timestamp.
    #[error("the webhook id is missing, or has a number behind a '.'")]
    MissingOrBadId,
    /// The timestamp is not a whole number of seconds.
    #[error("the webhook timestamp is missing or not a whole number of seconds")]
    MissingOrBadTimestamp,
    /// The timestamp is more than [`TOLERANCE`] ago.
    #[error("the webhook timestamp is more than five minutes ago")]
    TooOld,
    /// The timestamp is more than [`TOLERANCE`] ahead.
    #[error("the webhook timestamp is more than five minutes ahead")]
    TooNew,
    /// The header holds no signature of a known scheme.
    #[error("the webhook signature is missing or not of the form \"v1,<base64>\"")]
    MissingOrBadSignature,
    /// No signature fits any of the secrets.
    #[error("no webhook signature matches")]
    NoMatch,
}

/// Returns the id to send a message under that is known by `own`, such as the id of an event.
///
/// The same for the same text at any time, so that repeated attempts are recognised. A text that
/// can be an id stays as it is: up to 128 visible ASCII characters without a `.`. Any other is
/// replaced by its digest.
///
/// ```
/// use hap_manifest::webhook::message_id;
///
/// assert_eq!(message_id("motion-17"), "motion-17");
/// assert_eq!(message_id("hall.17"), "sha256_5DBiR8C1pcPxHWKOnQW2JgJv44ds2orHnBB-UYU8Cqg");
/// ```
#[must_use]
pub fn message_id(own: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'.';
    if (1..=MAX_ID).contains(&own.len()) && own.bytes().all(plain) {
        return own.into();
    }
    format!("sha256_{}", URL_SAFE_NO_PAD.encode(Sha256::digest(own))).into()
}

/// Returns the value of [`TIMESTAMP_HEADER`] for a time: the whole seconds since 1970. A time before
/// that is 0.
#[must_use]
pub fn timestamp(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Signs a message that is sent at this time; the result is one entry for [`SIGNATURE_HEADER`].
///
/// The header [`TIMESTAMP_HEADER`] must be the [`timestamp`] of the same time. Take the id from
/// [`message_id`], unless it is made without a `.` anyway.
#[must_use]
pub fn sign(secret: &WebhookSecret, id: &str, sent: SystemTime, body: &[u8]) -> String {
    let tag = tag(secret, id, &timestamp(sent).to_string(), body);
    format!("{SCHEME},{}", STANDARD.encode(tag))
}

/// Checks a received message: fresh, and signed with one of the secrets.
///
/// Several secrets and several signatures in one header let keys be rotated. All pairs are
/// compared, each in constant time. Bound the body before calling: it is hashed once for each
/// secret.
///
/// # Errors
/// Says what is missing, stale or unmatched; see [`VerifyError`].
pub fn verify(
    secrets: &[WebhookSecret],
    id: &str,
    timestamp: &str,
    signature: &str,
    body: &[u8],
    now: SystemTime,
) -> Result<(), VerifyError> {
    if id.is_empty() || id.split('.').skip(1).any(|part| seconds(part).is_some()) {
        return Err(VerifyError::MissingOrBadId);
    }
    let sent = seconds(timestamp).ok_or(VerifyError::MissingOrBadTimestamp)?;
    let now = self::timestamp(now);
    if sent.abs_diff(now) > TOLERANCE.as_secs() {
        return Err(if sent < now {
            VerifyError::TooOld
        } else {
            VerifyError::TooNew
        });
    }
    let presented: Vec<[u8; 32]> = signature
        .split(' ')
        .take(MAX_SIGNATURES)
        .filter_map(decode)
        .collect();
    if presented.is_empty() {
        return Err(VerifyError::MissingOrBadSignature);
    }
    let mut matches = Choice::from(0);
    for secret in secrets {
        let expected = tag(secret, id, timestamp, body);
        for candidate in &presented {
            matches |= expected.as_slice().ct_eq(candidate.as_slice());
        }
    }
    if matches.into() {
        Ok(())
    } else {
        Err(VerifyError::NoMatch)
    }
}

/// Digits only, and at most the largest `i64`. Anything that is refused here is allowed in an id.
fn seconds(text: &str) -> Option<u64> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = text.parse().ok()?;
    seconds.try_into().ok()
}

fn decode(entry: &str) -> Option<[u8; 32]> {
    let encoded = entry.strip_prefix(SCHEME)?.strip_prefix(',')?;
    // The length first, so that nothing long is decoded in vain.
    if encoded.len() != 44 {
        return None;
    }
    STANDARD.decode(encoded).ok()?.try_into().ok()
}

fn tag(secret: &WebhookSecret, id: &str, timestamp: &str, body: &[u8]) -> [u8; 32] {
    // A key of at most one hash block is used as it is and never refused.
    let mut key = [0; 64];
    for (to, from) in key.iter_mut().zip(secret.bytes()) {
        *to = *from;
    }
    let mut mac = Hmac::<Sha256>::new(&key.into());
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
