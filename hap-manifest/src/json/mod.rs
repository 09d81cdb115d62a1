//! Where the parts of a JSON text lie, and why a text is not JSON.
//!
//! `serde_json` gives values without places, keeps the last of two equal keys, and stops at a mistake with few
//! words. The scanner here reads the same language, keeps a byte range for every key and value, finds keys that
//! are given twice, and explains the usual mistakes. The values still come from `serde_json`.

mod count;
mod explain;
mod number;
mod scan;
#[cfg(test)]
mod tests;
mod tree;

pub(crate) use count::has_duplicates;
pub(crate) use explain::Mistake;
pub(crate) use scan::scan;
pub(crate) use tree::{Found, Node};

/// Deepest nesting of lists and objects: that of `serde_json`, so that both accept the same texts.
const MAX_DEPTH: usize = 127;
