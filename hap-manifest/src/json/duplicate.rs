//! Keys that an object has twice.

use std::collections::HashMap;
use std::ops::Range;

use super::document::Document;
use super::node::Node;
use super::pointer::escaped;
use super::slot::{Mark, Span};

/// A key that its object has already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Duplicate {
    pub(crate) pointer: String,
    pub(crate) first: Range<usize>,
    pub(crate) again: Range<usize>,
}

/// Most members that are compared one by one.
pub(super) const FEW: usize = 64;

/// Which marks the keys of an object have.
#[derive(Default)]
pub(super) struct Marks([u64; 4]);

impl Marks {
    /// Adds a mark and returns whether it was there already.
    pub(super) fn add(&mut self, Mark(mark): Mark) -> bool {
        let Some(word) = self.0.get_mut(usize::from(mark / 64)) else {
            return true;
        };
        let bit = 1 << (mark % 64);
        let was = *word & bit != 0;
        *word |= bit;
        was
    }
}

impl Document<'_> {
    /// Returns the first `limit` keys that are given twice, in the order of the text within each
    /// level.
    pub(crate) fn duplicates(&self, limit: usize) -> Vec<Duplicate> {
        let mut found = Vec::new();
        // Paths are built only if there is something to find.
        if self.has_duplicates() {
            self.root()
                .collect_duplicates(&mut String::new(), limit, &mut found);
        }
        found
    }

    /// Returns whether the object at `index`, which is still being read, has a key.
    pub(super) fn has_member(&self, index: usize, name: &str) -> bool {
        let mark = Mark::of(name);
        self.last_children(index).any(|child| child.has_key(name, mark))
    }

    /// Returns whether that object has a key twice.
    pub(super) fn has_member_twice(&self, index: usize) -> bool {
        let mut keys: Vec<_> = self.last_children(index).map(Node::key).collect();
        keys.sort_unstable();
        keys.array_windows().any(|[one, next]| one == next)
    }
}

impl Node<'_> {
    /// Recurses as deep as the tree, which the scanner bounds.
    fn collect_duplicates(self, path: &mut String, limit: usize, found: &mut Vec<Duplicate>) {
        let length = path.len();
        let mut seen: HashMap<_, Span> = HashMap::new();
        for (index, child) in self.children().enumerate() {
            path.push('/');
            match child.slot.key {
                None => path.push_str(&index.to_string()),
                Some(key) => {
                    let name = child.key();
                    path.push_str(&escaped(&name));
                    if let Some(first) = seen.get(&name) {
                        if found.len() >= limit {
                            return;
                        }
                        found.push(Duplicate {
                            pointer: path.clone(),
                            first: first.range(),
                            again: key.span.range(),
                        });
                    } else {
                        seen.insert(name, key.span);
                    }
                }
            }
            child.collect_duplicates(path, limit, found);
            path.truncate(length);
        }
    }
}
