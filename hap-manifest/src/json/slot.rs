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

/// A string in the text, quotes included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quoted {
    pub(super) span: Span,
    /// Whether it has a `\`, so that what it means differs from what is written.
    pub(super) escaped: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) kind: Kind,
    /// Whether this is a string with a `\`.
    pub(super) escaped: bool,
    pub(super) span: Span,
    /// The key before it, if it is a member of an object.
    pub(super) key: Option<Quoted>,
    /// How many entries or members it has of its own.
    pub(super) len: usize,
    /// Where the slots go on behind those of everything inside it.
    pub(super) next: usize,
}

impl Slot {
    /// What there is where nothing is.
    pub(super) const NULL: Self = Self {
        kind: Kind::Null,
        escaped: false,
        span: Span { start: 0, end: 0 },
        key: None,
        len: 0,
        next: 1,
    };
}
