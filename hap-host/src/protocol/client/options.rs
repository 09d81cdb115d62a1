use std::time::Duration;

use hap_manifest::TraceParent;
use hyper::header::HeaderValue;

use crate::{
    engine::deadline,
    error::{Error, ErrorKind},
};

/// Longest request id and idempotency key, in bytes.
const MAX_ID_BYTES: usize = 128;

/// How one call to a plugin is made. Default: 30 s, a trace and a request id of its own, sent once.
///
/// A plain [`Duration`] is a deadline and else the default.
///
/// ```
/// use std::time::Duration;
///
/// use hap_host::CallOptions;
/// use hap_manifest::TraceParent;
///
/// let incoming = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
/// let options = CallOptions::default()
///     .timeout(Duration::from_secs(5))
///     .traceparent(incoming)
///     .idempotency_key("order-4711");
/// # let _ = options;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "options do nothing until they are handed to a call"]
pub struct CallOptions {
    pub(super) timeout: Duration,
    pub(super) trace: Option<TraceParent>,
    pub(super) request_id: Option<String>,
    pub(super) idempotency_key: Option<String>,
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

impl From<Duration> for CallOptions {
    fn from(timeout: Duration) -> Self {
        Self::default().timeout(timeout)
    }
}

impl CallOptions {
    /// How long the whole call may take, repetitions included. Default 30 s.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(super) fn timeout_millis(&self) -> u64 {
        u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX)
    }

    /// The caller's place in a trace: the plugin is told a child of it. Default: a
    /// trace of its own.
    pub const fn traceparent(mut self, parent: Option<TraceParent>) -> Self {
        self.trace = parent;
        self
    }

    /// The name of this call in logs on both sides: at most 128 visible ASCII characters.
    /// Default: a new UUID.
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// Allows a command to be sent up to three times within the deadline when the connection to the
    /// plugin fails, each time with this key in the header `Idempotency-Key`: at most 128 visible
    /// ASCII characters.
    ///
    /// A connection that broke says nothing about whether the command was carried out. So give a
    /// key only when the plugin tells repetitions by it, or when doing the command twice does no
    /// harm. Without a key a command is sent once. A plugin need not know the header; `hap-plugin`
    /// hands it to the plugin and does nothing by itself.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
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
