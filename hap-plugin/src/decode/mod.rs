//! What is read from JSON, and what may be told of what does not fit.

mod expected;
pub(crate) mod redact;
mod secret;

pub use secret::Secret;
