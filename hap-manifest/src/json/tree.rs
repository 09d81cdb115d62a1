//! [`Node`]: the byte ranges of a JSON document, in its own shape.
//!
//! A tree, not a map from pointers: with long keys the pointers of a small document can be far larger than it.

use std::collections::HashMap;
use std::ops::Range;

use crate::fields::escaped;

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(super) inner: Inner,
}

#[derive(Debug)]
pub(super) enum Inner {
    Scalar,
    List(Vec<Node>),
    Object(Vec<Member>),
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) value: Node,
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

/// A key that its object has already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Duplicate {
    pub(crate) pointer: String,
    pub(crate) first: Range<usize>,
    pub(crate) again: Range<usize>,
}

impl Node {
    /// Follows a JSON pointer. Of equal keys the last counts, as it does for `serde_json`.
    pub(crate) fn find(&self, pointer: &str) -> Found {
        let mut node = self;
        let mut key = None;
        for token in pointer.split('/').skip(1) {
            let next = match &node.inner {
                Inner::Scalar => None,
                Inner::List(entries) => token
                    .parse()
                    .ok()
                    .and_then(|index: usize| entries.get(index))
                    .map(|n| (n, None)),
                Inner::Object(members) => {
                    let name = token.replace("~1", "/").replace("~0", "~");
                    members
                        .iter()
                        .rfind(|member| member.key == name)
                        .map(|m| (&m.value, Some(m.key_span.clone())))
                }
            };
            match next {
                Some((next, next_key)) => (node, key) = (next, next_key),
                None => return Found::Around(node.span.clone()),
            }
        }
        Found::Exact {
            value: node.span.clone(),
            key,
        }
    }

    /// The first `limit` keys that are given twice, in the order of the text within each level.
    pub(crate) fn duplicates(&self, limit: usize) -> Vec<Duplicate> {
        let mut found = Vec::new();
        // Paths are put together only where something is to be found.
        if self.has_duplicates() {
            self.collect_duplicates(&mut String::new(), limit, &mut found);
        }
        found
    }

    /// As deep as the tree, which the scanner bounds.
    fn has_duplicates(&self) -> bool {
        match &self.inner {
            Inner::Scalar => false,
            Inner::List(entries) => entries.iter().any(Self::has_duplicates),
            Inner::Object(members) => {
                let mut keys: Vec<&str> = members.iter().map(|member| member.key.as_str()).collect();
                keys.sort_unstable();
                keys.array_windows().any(|[one, next]| one == next)
                    || members.iter().any(|member| member.value.has_duplicates())
            }
        }
    }

    /// As deep as the tree, which the scanner bounds.
    fn collect_duplicates(&self, path: &mut String, limit: usize, found: &mut Vec<Duplicate>) {
        let length = path.len();
        match &self.inner {
            Inner::Scalar => {}
            Inner::List(entries) => {
                for (index, entry) in entries.iter().enumerate() {
                    path.push_str(&format!("/{index}"));
                    entry.collect_duplicates(path, limit, found);
                    path.truncate(length);
                }
            }
            Inner::Object(members) => {
                let mut seen: HashMap<&str, &Range<usize>> = HashMap::with_capacity(members.len());
                for member in members {
                    path.push('/');
                    path.push_str(&escaped(&member.key));
                    if let Some(first) = seen.get(member.key.as_str()) {
                        if found.len() >= limit {
                            return;
                        }
                        found.push(Duplicate {
                            pointer: path.clone(),
                            first: (*first).clone(),
                            again: member.key_span.clone(),
                        });
                    } else {
                        seen.insert(&member.key, &member.key_span);
                    }
                    member.value.collect_duplicates(path, limit, found);
                    path.truncate(length);
                }
            }
        }
    }
}
