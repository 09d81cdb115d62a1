//! Events from the plugin to its platform: accepted durably, delivered in order, at least once.
//!
//! It imports `settings`, `storage` and `telemetry`; it knows neither the plugin nor the server.

mod batch;
mod client;
mod delivery;
mod draft;
mod error;
mod mark;
mod outbox;
mod queue;
mod retry;
mod sender;
mod spool;
mod store;
#[cfg(test)]
mod tests;
mod transport;

pub use client::EventClient;
pub(crate) use delivery::{Delivery, start};
pub(crate) use draft::EventDraft;
pub use error::EmitError;
