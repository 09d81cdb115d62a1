//! Secrets that pass between a host and its plugins.

pub(crate) mod token;
pub(crate) mod webhook;
