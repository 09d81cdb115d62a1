//! [`Node`]: one value of a [`Document`], with its place.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Number, Value};

use super::document::{Document, decoded};
use super::pointer::escaped;
use super::slot::{Kind, Mark, Slot, Span};

/// A value in its document. Its `Display` is the JSON pointer to it, which is built on demand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'d> {
    pub(super) document: &'d Document<'d>,
    pub(super) slot: &'d Slot,
    pub(super) index: usize,
}

/// The entries of a list or the members of an object, in the order of the text.
#[derive(Debug, Clone)]
pub(crate) struct Children<'d> {
    document: &'d Document<'d>,
    index: usize,
    end: usize,
}

impl Document<'_> {
    pub(super) fn node(&self, index: usize) -> Option<Node<'_>> {
        let slot = self.slots.get(index)?;
        Some(Node {
            document: self,
            slot,
            index,
        })
    }

    pub(crate) fn root(&self) -> Node<'_> {
        Node {
            document: self,
            slot: self.slots.first().unwrap_or(&Slot::NULL),
            index: 0,
        }
    }

    /// Returns the children so far of a list or object that is still being read.
    pub(super) const fn last_children(&self, index: usize) -> Children<'_> {
        Children {
            document: self,
            index: index + 1,
            end: usize::MAX,
        }
    }
}

impl<'d> Iterator for Children<'d> {
    type Item = Node<'d>;

    fn next(&mut self) -> Option<Node<'d>> {
        if self.index >= self.end {
            return None;
        }
        let node = self.document.node(self.index)?;
        self.index = node.slot.next;
        Some(node)
    }
}

impl<'d> Node<'d> {
    /// Whether both are the same value of one document.
    pub(crate) const fn is(self, other: Self) -> bool {
        self.index == other.index
    }

    pub(crate) fn is_null(self) -> bool {
        self.slot.kind == Kind::Null
    }

    pub(crate) fn is_text(self) -> bool {
        self.slot.kind == Kind::Text
    }

    pub(crate) fn is_number(self) -> bool {
        self.slot.kind == Kind::Number
    }

    pub(crate) fn is_list(self) -> bool {
        self.slot.kind == Kind::List
    }

    pub(crate) fn is_object(self) -> bool {
        self.slot.kind == Kind::Object
    }

    pub(crate) const fn flag(self) -> Option<bool> {
        match self.slot.kind {
            Kind::False => Some(false),
            Kind::True => Some(true),
            _ => None,
        }
    }

    pub(crate) fn number(self) -> Option<Number> {
        // The scanner has seen that it is one.
        self.is_number().then(|| self.source().parse().ok()).flatten()
    }

    pub(crate) fn text(self) -> Option<Cow<'d, str>> {
        self.is_text()
            .then(|| self.unquoted(self.slot.span, self.slot.escaped))
    }

    /// Returns the key of a member; empty for the root and the entries of lists.
    pub(crate) fn key(self) -> Cow<'d, str> {
        match self.slot.key {
            Some(key) => self.unquoted(key.span, key.escaped),
            None => Cow::Borrowed(""),
        }
    }

    /// Returns how many entries or members there are in it, not counting what is inside those.
    pub(crate) const fn len(self) -> usize {
        self.slot.len
    }

    /// Returns the entries of a list or the members of an object; nothing of anything else.
    pub(crate) const fn children(self) -> Children<'d> {
        Children {
            document: self.document,
            index: self.index + 1,
            end: self.slot.next,
        }
    }

    /// Returns the member of an object by its key: the last one, if the key is given twice.
    pub(crate) fn get(self, key: &str) -> Option<Self> {
        let mark = Mark::of(key);
        let mut found = self.children().filter(|member| member.has_key(key, mark));
        if self.document.has_duplicates() {
            found.last()
        } else {
            found.next()
        }
    }

    /// Converts to a value of `serde_json`. Of equal keys the last counts.
    pub(crate) fn to_value(self) -> Value {
        match self.slot.kind {
            Kind::Null => Value::Null,
            Kind::False => Value::Bool(false),
            Kind::True => Value::Bool(true),
            Kind::Number => self.number().map_or(Value::Null, Value::Number),
            Kind::Text => Value::String(self.text().unwrap_or_default().into_owned()),
            Kind::List => Value::Array(self.children().map(Self::to_value).collect()),
            Kind::Object => Value::Object(
                self.children()
                    .map(|member| (member.key().into_owned(), member.to_value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// Returns the JSON pointer to it.
    pub(crate) fn pointer(self) -> String {
        self.to_string()
    }

    /// Returns the value as it is written.
    fn source(self) -> &'d str {
        self.document.slice(self.slot.span)
    }

    pub(super) fn has_key(self, name: &str, mark: Mark) -> bool {
        self.slot
            .key
            .is_some_and(|key| key.mark == mark && self.unquoted(key.span, key.escaped) == name)
    }

    /// Returns what a string says.
    fn unquoted(self, span: Span, escaped: bool) -> Cow<'d, str> {
        if escaped {
            // The scanner has seen that its escapes mean something.
            Cow::Owned(decoded(self.document.slice(span)).unwrap_or_default())
        } else {
            Cow::Borrowed(self.document.inside(span))
        }
    }
}

impl fmt::Display for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut around = self.document.root();
        while around.index < self.index {
            let inside = around
                .children()
                .enumerate()
                .find(|(_, child)| self.index < child.slot.next);
            let Some((index, child)) = inside else {
                break;
            };
            match child.slot.key {
                Some(_) => write!(f, "/{}", escaped(&child.key()))?,
                None => write!(f, "/{index}")?,
            }
            around = child;
        }
        Ok(())
    }
}

impl From<Node<'_>> for String {
    fn from(node: Node<'_>) -> Self {
        node.pointer()
    }
}

impl From<&Node<'_>> for String {
    fn from(node: &Node<'_>) -> Self {
        node.pointer()
    }
}
