//! What answers the requests of a plugin's callers.
//!
//! It imports all rooms below; only `process` and `testing` import it.

mod auth;
mod body;
mod bounded;
mod command;
mod config;
mod connections;
mod custom_routes;
mod describe;
mod dispatch;
mod endpoints;
mod health;
mod help;
mod lifecycle;
mod listener;
pub(crate) mod openapi;
mod prepare;
mod response;
mod router;
mod schemas;
mod serve;
mod service;
mod start_stop;
mod status;
#[cfg(test)]
mod tests;

pub(crate) use help::help;
#[cfg(feature = "testing")]
pub(crate) use response::HiddenCause;
pub(crate) use schemas::Schemas;
pub use serve::{Serve, into_router, serve};
#[cfg(feature = "testing")]
pub(crate) use service::Service;
