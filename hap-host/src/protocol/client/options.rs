use std::time::Duration;

use hap_manifest::TraceParent;
use hyper::header::HeaderValue;

use crate::{
    engine::deadline,
    error::{Error, ErrorKind},
};

/// Longest request id and idempotency key, in bytes.
const MAX_ID_BYTES: usize = 128;

/// How one call to a plugin is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallOptions {
    /// How long the whole call may take, repetitions included.
    pub timeout: Duration,
    /// The caller's place in a trace.
    pub trace: Option<TraceParent>,
    pub request_id: Option<String>,
    /// Allows repetitions.
    pub idempotency_key: Option<String>,
}

impl Default for CallOptions {
    fn default() -> Self {
        Self {
            timeout: deadline::PLUGIN_CALL,
            trace: None,
            request_id: None,
            idempotency_key: None,
        }
    }
}

impl CallOptions {
    pub(super) fn timeout_millis(&self) -> u64 {
        u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A text for a header that names something.
pub(super) fn id_header(what: &str, text: &str) -> Result<HeaderValue, Error> {
    let visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    HeaderValue::from_str(text)
        .ok()
        .filter(|_| visible && text.len() <= MAX_ID_BYTES)
        .ok_or_else(|| {
            let message = format!(
                "the {what} has to be 1 to {MAX_ID_BYTES} visible ASCII characters, and this is not: {text:?}"
            );
            Error::new(ErrorKind::InvalidInput, message)
        })
}
