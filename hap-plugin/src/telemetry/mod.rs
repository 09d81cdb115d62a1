//! What a plugin tells of its work: log lines, metrics, spans, and the ids that tie them to a
//! request.
//!
//! The ground floor: it imports no other room.

mod chain;
mod identity;
mod ids;
mod install;
mod log;
mod metrics;
#[cfg(feature = "otel")]
mod otel;
mod printable;
mod redactor;
mod request_context;

pub(crate) use chain::chain;
pub(crate) use identity::Identity;
pub(crate) use install::Telemetry;
#[cfg(test)]
pub(crate) use log::Capture;
#[cfg(not(feature = "otel"))]
pub(crate) use log::request_span;
pub(crate) use metrics::{Loss, Metrics, Outcome};
#[cfg(feature = "otel")]
pub(crate) use otel::{answered, request_span};
pub(crate) use printable::{printable, printable_name};
pub(crate) use redactor::Redactor;
pub(crate) use request_context::{REQUEST_ID, RequestContext};
