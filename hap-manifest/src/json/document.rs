//! [`Document`]: a JSON text and where everything in it lies.

use super::slot::{Slot, Span};

/// A text that is JSON. Its values are a flat list in the order of the text, each before what is
/// inside it.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    pub(super) text: &'t str,
    /// The first is the root; it is never empty.
    pub(super) slots: Vec<Slot>,
    pub(super) duplicates: bool,
}

impl<'t> Document<'t> {
    /// Returns whether any object has a key twice.
    pub(crate) const fn has_duplicates(&self) -> bool {
        self.duplicates
    }

    pub(super) fn slice(&self, span: Span) -> &'t str {
        self.text.get(span.range()).unwrap_or_default()
    }

    /// Returns what is written between the quotes of a string.
    pub(super) fn inside(&self, span: Span) -> &'t str {
        self.text.get(span.start + 1..span.end - 1).unwrap_or_default()
    }
}

/// Returns what a string with escapes means; `None` if one of them means nothing.
pub(super) fn decoded(quoted: &str) -> Option<String> {
    serde_json::from_str(quoted).ok()
}
