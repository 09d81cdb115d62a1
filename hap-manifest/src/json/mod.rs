//! JSON texts as trees that know their places, and why a text is not JSON.
//!
//! `serde_json` gives values without places, keeps the last of two equal keys, and stops at a
//! mistake with few words. The scanner here reads the same language in one pass: it keeps a byte
//! range for every key and value, finds keys that are given twice, and explains the usual mistakes.
//! Strings are decoded only when they are asked for.

pub(crate) mod document;
mod duplicate;
pub(crate) mod explain;
pub(crate) mod find;
pub(crate) mod members;
pub(crate) mod node;
mod number;
pub(crate) mod pointer;
mod scan;
mod slot;
#[cfg(test)]
mod tests;
