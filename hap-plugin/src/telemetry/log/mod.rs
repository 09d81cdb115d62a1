//! Logging: how lines are written, and what is installed for that.

#[cfg(test)]
mod capture;
mod line;
mod output;
#[cfg(any(test, not(feature = "otel")))]
mod request_span;
mod span_fields;
mod subscriber;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use capture::Capture;
#[cfg(not(feature = "otel"))]
pub(crate) use request_span::request_span;
pub(crate) use subscriber::{Beside, install};
