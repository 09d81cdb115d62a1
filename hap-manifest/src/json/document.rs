//! [`Document`]: a JSON text and where everything in it lies.

use std::ops::Range;

use super::explain::Mistake;
use super::node::Node;
use super::scan::scan;
use super::slot::{Slot, Span};

/// A text that is JSON. Its values are a flat list in the order of the text, each before what is inside it.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    pub(super) text: &'t str,
    /// The first is the root; it is never empty.
    pub(super) slots: Vec<Slot>,
    pub(super) duplicates: bool,
}

/// What a pointer leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The value, and the key before it if it is in an object.
    Exact {
        value: Range<usize>,
        key: Option<Range<usize>>,
    },
    /// The value does not exist; this is the nearest one around its place.
    Around(Range<usize>),
}

impl<'t> Document<'t> {
    /// Reads a text: what `serde_json` accepts, and nothing else.
    pub(crate) fn read(text: &'t str) -> Result<Self, Mistake> {
        scan(text)
    }

    pub(crate) fn root(&self) -> Node<'_> {
        Node {
            document: self,
            slot: self.slots.first().unwrap_or(&Slot::NULL),
            index: 0,
        }
    }

    /// Whether any object has a key twice.
    pub(crate) const fn has_duplicates(&self) -> bool {
        self.duplicates
    }

    /// Follows a JSON pointer. Of equal keys the last counts, as it does for `serde_json`.
    pub(crate) fn find(&self, pointer: &str) -> Found {
        let mut node = self.root();
        for token in pointer.split('/').skip(1) {
            let next = if node.is_object() {
                node.get(&token.replace("~1", "/").replace("~0", "~"))
            } else {
                token.parse().ok().and_then(|index| node.children().nth(index))
            };
            match next {
                Some(next) => node = next,
                None => return Found::Around(node.slot.span.range()),
            }
        }
        Found::Exact {
            value: node.slot.span.range(),
            key: node.slot.key.map(|key| key.span.range()),
        }
    }

    pub(super) fn slice(&self, span: Span) -> &'t str {
        self.text.get(span.range()).unwrap_or_default()
    }

    /// What is written between the quotes of a string.
    pub(super) fn inside(&self, span: Span) -> &'t str {
        self.text.get(span.start + 1..span.end - 1).unwrap_or_default()
    }
}
