//! What comes back from a plugin: hostile until it is shown to be an answer or a refusal.

use std::net::SocketAddr;

use hap_manifest::wire::{WireError, oversized_integer};
use hyper::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{http::Broken, refusal};
use crate::{
    engine::{report::report, text},
    error::{Error, ErrorKind},
};

/// Longest text of a plugin that enters an error message.
pub(super) const MAX_QUOTED_CHARS: usize = 300;

/// Turns a complete reply into an answer or a refusal.
pub(super) fn answer<R: DeserializeOwned>(path: &str, status: StatusCode, body: &[u8]) -> Result<R, Error> {
    let code = status.as_u16();
    if status.is_redirection() {
        return Err(invalid(
            path,
            &format!("it answered HTTP {code}, and redirects are not followed"),
        ));
    }
    // The parser refuses what is nested more than 127 deep.
    let value = serde_json::from_slice::<Value>(body);
    if !status.is_success() {
        let wire = value.ok().and_then(refusal::read).map(|wire| exact(wire, body));
        let wire = wire.unwrap_or_else(|| {
            let text = String::from_utf8_lossy(body);
            let text = text.trim();
            WireError::new(if text.is_empty() {
                status.to_string()
            } else {
                quote(text)
            })
        });
        return Err(refused(path, code, wire));
    }
    let value = value.map_err(|error| invalid(path, "its reply is no valid JSON").with_source(error))?;
    if value.get("success") == Some(&Value::Bool(false)) {
        let wire = refusal::read(value).map(|wire| exact(wire, body));
        let wire = wire.unwrap_or_else(|| WireError::new("refused without saying why"));
        return Err(refused(path, code, wire));
    }
    if let Some(at) = oversized_integer(body) {
        let message = format!(
            "the integer at byte {at} of its reply has more digits than 64 bits hold and would lose its last ones; \
             the plugin has to write it as a string"
        );
        return Err(invalid(path, &message));
    }
    serde_json::from_value(value).map_err(|error| {
        invalid(path, "its reply has another shape than the protocol says").with_source(error)
    })
}

/// A refusal without what has other digits than the plugin wrote: that it refused, and why, is not lost
/// for it.
fn exact(mut wire: WireError, body: &[u8]) -> WireError {
    if oversized_integer(body).is_some() {
        wire.details = None;
        wire.extra.clear();
    }
    wire
}

fn refused(path: &str, code: u16, mut wire: WireError) -> Error {
    wire.error = text::block(&wire.error);
    wire.code = wire.code.map(|code| quote(&code));
    let message = format!("{path} was refused with HTTP {code}: {}", quote(&wire.error));
    Error::new(ErrorKind::Rejected, message)
        .with_wire(wire)
        .with_http_status(code)
}

pub(super) fn invalid(path: &str, message: &str) -> Error {
    Error::new(
        ErrorKind::InvalidReply,
        format!("{path} did not answer by the protocol: {message}"),
    )
}

/// Says what went wrong on the way in the words of the innermost cause.
pub(super) fn describe(broken: &Broken, address: SocketAddr) -> String {
    let mut innermost: &dyn std::error::Error = &*broken.cause;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if let Some(lack) = broken.own_lack() {
        return format!("{address} could not be asked: {lack} ({innermost})");
    }
    if broken.connecting {
        return format!("cannot connect to {address}: {innermost}");
    }
    format!("the connection to {address} broke: {}", report(innermost))
}

/// A plugin's text for an error message: shortened, and in one line that steers nothing.
pub(super) fn quote(text: &str) -> String {
    text::line(text, MAX_QUOTED_CHARS)
}
