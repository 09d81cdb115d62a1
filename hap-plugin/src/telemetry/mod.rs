//! What a plugin tells of its work: log lines, metrics, spans, and the ids that tie them to a request.

pub(crate) mod ids;
pub(crate) mod log;
pub(crate) mod metrics;
#[cfg(feature = "otel")]
pub(crate) mod otel;
pub(crate) mod redactor;
pub(crate) mod request_context;
