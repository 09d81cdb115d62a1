//! Logging: what is installed, and how lines are written.

#[cfg(test)]
mod capture;
mod install;
mod line;
mod output;
#[cfg(any(test, not(feature = "otel")))]
mod request_span;
mod span_fields;

#[cfg(test)]
pub(crate) use capture::Capture;
pub(crate) use install::{Log, chain};
#[cfg(not(feature = "otel"))]
pub(crate) use request_span::request_span;
