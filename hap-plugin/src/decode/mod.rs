//! What is read from JSON, and what may be told of what does not fit.

pub(crate) mod expected;
pub(crate) mod redact;
pub(crate) mod secret;
