//! Spans for an OpenTelemetry collector: feature `otel`.

mod client;
mod export;
mod exporter;
mod request;

pub(crate) use export::Export;
pub(crate) use request::{answered, request_span};
