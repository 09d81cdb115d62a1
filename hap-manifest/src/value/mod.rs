//! Values that need no other part of the crate. Each type checks its text once, by one rule, and
//! refuses it with a [`ParseError`](error::ParseError).

pub(crate) mod capability;
pub(crate) mod cpu;
pub(crate) mod dependency;
pub(crate) mod device;
pub(crate) mod duration;
pub mod env;
pub(crate) mod error;
pub(crate) mod health;
pub(crate) mod hex;
pub(crate) mod id;
pub(crate) mod image;
pub(crate) mod likely_version;
pub(crate) mod memory;
pub(crate) mod newtype;
pub(crate) mod number;
pub(crate) mod path;
pub mod rfc3339;
pub(crate) mod schema;
pub(crate) mod stored;
pub(crate) mod text;
pub(crate) mod trace;
pub(crate) mod unseen;
pub(crate) mod user;
pub(crate) mod version_range;
