//! What is read from JSON, and what may be told of what does not fit: never the value.
//!
//! It imports `error`.

mod bounds;
mod duplicate;
mod expected;
mod json;
mod limit;
mod mismatch;
mod reason;
mod secret;
mod shape;
#[cfg(test)]
mod tests;
mod value_reader;
mod whole_numbers;

pub(crate) use bounds::Bounds;
pub(crate) use json::{from_json, from_json_of, from_object, why_unreadable};
pub(crate) use mismatch::Mismatch;
pub use secret::Secret;
pub(crate) use whole_numbers::whole_numbers;
