//! What a JSON pointer leads to.

use std::ops::Range;

use super::document::Document;
use super::pointer::unescaped;

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

impl Document<'_> {
    /// Follows a JSON pointer. Of equal keys the last counts, as it does for `serde_json`.
    pub(crate) fn find(&self, pointer: &str) -> Found {
        let mut node = self.root();
        for token in pointer.split('/').skip(1) {
            let next = if node.is_object() {
                node.get(&unescaped(token))
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
}
