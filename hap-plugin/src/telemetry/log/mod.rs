//! Logging: what is installed, and how lines are written.

#[cfg(test)]
mod capture;
mod install;
mod line;
mod on_demand;
mod output;
mod request_span;
mod span_fields;

#[cfg(test)]
pub(crate) use capture::Capture;
pub(crate) use install::{Log, chain};
#[cfg(feature = "otel")]
pub(crate) use on_demand::is_installed as makes_spans_on_demand;
pub(crate) use request_span::InRequest;
