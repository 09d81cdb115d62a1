//! Tables in the documentation that tests fill.

use std::path::{Path, PathBuf};

/// The path of a document of the folder `docs`.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

/// A document before, in and after the table that stands between the comments `begin KEY` and `end KEY`.
///
/// # Panics
/// When it has no such table.
#[must_use]
#[expect(clippy::panic, reason = "a test without its document fails")]
pub fn split<'a>(text: &'a str, key: &str) -> (&'a str, &'a str, &'a str) {
    let (begin, end) = (format!("<!-- begin {key} -->\n"), format!("<!-- end {key} -->"));
    let parts = text.split_once(&begin).and_then(|(before, rest)| {
        let (inside, after) = rest.split_once(&end)?;
        // The comments stay where they are.
        let before = text.get(..before.len() + begin.len())?;
        let after = text.get(text.len() - after.len() - end.len()..)?;
        Some((before, inside, after))
    });
    parts.unwrap_or_else(|| panic!("the document has no {begin:?} with its end"))
}
