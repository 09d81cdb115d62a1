//! [`Slot`]: one value of a text, as the scanner notes it.

use std::ops::Range;

/// What a value is; what it says is read from the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    False,
    True,
    Number,
    Text,
    List,
    Object,
}

/// A part of the text, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    pub(super) const fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// The key of a member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    /// Where it lies, quotes included.
    pub(super) span: Span,
    /// Whether it has a `\`, so that what it means differs from what is written.
    pub(super) escaped: bool,
    /// Differs between most keys, so that most comparisons end here.
    pub(super) mark: Mark,
}

/// A number below 256 that equal keys have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(pub(super) u8);

impl Mark {
    pub(super) fn of(key: &str) -> Self {
        let bytes = key.as_bytes();
        let at = |index: usize| bytes.get(index).copied().unwrap_or_default();
        let end = bytes.len().saturating_sub(1);
        let [length, ..] = end.to_le_bytes();
        let mark = at(0)
            .wrapping_mul(5)
            .wrapping_add(at(end / 2).wrapping_mul(29))
            .wrapping_add(at(end).wrapping_mul(11))
            .wrapping_add(length.wrapping_mul(67));
        Self(mark)
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) kind: Kind,
    /// Whether this is a string with a `\`.
    pub(super) escaped: bool,
    pub(super) span: Span,
    /// The key before it, if it is a member of an object.
    pub(super) key: Option<Key>,
    /// How many entries or members it has of its own.
    pub(super) len: usize,
    /// Index of the next slot that is not inside this one.
    pub(super) next: usize,
}

impl Slot {
    /// Stands for a missing value.
    pub(super) const NULL: Self = Self {
        kind: Kind::Null,
        escaped: false,
        span: Span { start: 0, end: 0 },
        key: None,
        len: 0,
        next: 1,
    };
}
