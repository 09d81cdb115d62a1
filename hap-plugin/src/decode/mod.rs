//! What is read from JSON, and what may be told of what does not fit: never the value.
//!
//! It imports `error`.

mod expected;
mod json;
mod redact;
mod secret;

pub(crate) use json::{Mismatch, from_json, from_json_of, from_object};
pub(crate) use redact::without_value;
pub use secret::Secret;
