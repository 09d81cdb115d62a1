//! JSON documents of other programs, such as the configuration file of a host: read into any type that
//! serde knows, with every problem at once, each with its place and often a way to fix it.
//!
//! It is the reader of manifests for types that are not manifests. What a type's `Deserialize` refuses
//! is left out and the rest is read on, so that whoever wrote the file sees all that is wrong. Keys that
//! a struct does not know are refused, also where it would let them pass; `null` is the same as a key
//! that is absent; `$schema` of the outermost object is left to editors.
//!
//! ```
//! use hap_manifest::document;
//!
//! #[derive(Debug, Default, serde::Deserialize)]
//! #[serde(default)]
//! struct Settings {
//!     port: u16,
//!     names: Vec<String>,
//! }
//!
//! let text = "{\n  \"prot\": 80,\n  \"port\": 70000,\n  \"names\": [\"a\", 5]\n}";
//! let error = document::read::<Settings>(text.as_bytes()).unwrap_err();
//! assert_eq!(error.to_string(), "\
//! the document has 3 problems:
//!   2:3: error[unknown_field] /prot: unknown field `prot`; did you mean `port`?
//!   3:11: error[invalid_value] /port: expected a whole number from 0 to 65535, found 70000
//!   4:18: error[wrong_type] /names/1: expected a string, found 5; write \"5\" in quotes");
//! ```

mod error;
mod read;
mod refusal;
mod value;

pub use self::error::DocumentError;
pub use self::read::{Rules, read, read_with};
