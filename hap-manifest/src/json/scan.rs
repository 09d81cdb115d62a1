//! The scanner: from text to a [`Document`].

use super::document::{Document, decoded};
use super::duplicate::{FEW, Marks};
use super::explain::{Mistake, Place};
use super::number::number_end;
use super::slot::{Key, Kind, Mark, Slot, Span};

/// Bytes of text for each value of a usual manifest, or fewer: room is made for so many at once.
const BYTES_PER_VALUE: usize = 16;

/// Deepest nesting of lists and objects: that of `serde_json`, so that both accept the same texts.
pub(super) const MAX_DEPTH: usize = 127;

impl<'t> Document<'t> {
    /// Reads a text: what `serde_json` accepts, and nothing else.
    pub(crate) fn read(text: &'t str) -> Result<Self, Mistake> {
        let mut scanner = Scanner {
            document: Document {
                text,
                slots: Vec::with_capacity(text.len() / BYTES_PER_VALUE + 1),
                duplicates: false,
            },
            at: 0,
            depth: 0,
        };
        if text.starts_with('\u{feff}') {
            return Err(Mistake::new(0..3, "the text begins with a byte order mark")
                .with_help("save the file as UTF-8 without it"));
        }
        let begin = text.len() - text.trim_start().len();
        if text.get(begin..).is_some_and(|rest| rest.starts_with("---")) {
            return Err(Mistake::yaml(begin..begin + 3));
        }
        scanner.value(Place::Document, None)?;
        scanner.skip_space();
        if scanner.at < text.len() {
            return scanner.unexpected(Place::AfterDocument);
        }
        Ok(scanner.document)
    }
}

struct Scanner<'t> {
    /// What was read so far.
    document: Document<'t>,
    /// Always on a character boundary: it only ever steps over whole tokens.
    at: usize,
    depth: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.document.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    #[cold]
    fn unexpected<T>(&self, place: Place) -> Result<T, Mistake> {
        Err(Mistake::unexpected(self.document.text, self.at, place))
    }

    fn value(&mut self, place: Place, key: Option<Key>) -> Result<(), Mistake> {
        self.skip_space();
        let start = self.at;
        let (kind, escaped) = match self.peek() {
            Some(b'"') => (Kind::Text, self.string()?.is_some()),
            Some(b'{') => return self.nested(Kind::Object, key, Self::object),
            Some(b'[') => return self.nested(Kind::List, key, Self::list),
            Some(b'-' | b'0'..=b'9') => {
                self.at = number_end(self.document.text, start)?;
                (Kind::Number, false)
            }
            _ => (self.word(place)?, false),
        };
        self.document.slots.push(Slot {
            kind,
            escaped,
            span: Span { start, end: self.at },
            key,
            len: 0,
            next: self.document.slots.len() + 1,
        });
        Ok(())
    }

    fn word(&mut self, place: Place) -> Result<Kind, Mistake> {
        let rest = self.document.text.get(self.at..).unwrap_or_default();
        let words = [("true", Kind::True), ("false", Kind::False), ("null", Kind::Null)];
        match words.into_iter().find(|(word, _)| rest.starts_with(word)) {
            Some((word, kind)) => {
                self.at += word.len();
                Ok(kind)
            }
            None => self.unexpected(place),
        }
    }

    /// Reads what begins with a bracket. `read` returns how much there is in it.
    fn nested(
        &mut self,
        kind: Kind,
        key: Option<Key>,
        read: impl FnOnce(&mut Self, usize) -> Result<usize, Mistake>,
    ) -> Result<(), Mistake> {
        let start = self.at;
        if self.depth == MAX_DEPTH {
            let message = format!("lists and objects are nested more than {MAX_DEPTH} deep");
            return Err(Mistake::new(start..start + 1, message));
        }
        self.depth += 1;
        self.at += 1;
        let index = self.document.slots.len();
        let span = Span { start, end: start };
        self.document.slots.push(Slot {
            kind,
            span,
            key,
            ..Slot::NULL
        });
        let len = read(self, index)?;
        self.depth -= 1;
        let next = self.document.slots.len();
        if let Some(slot) = self.document.slots.get_mut(index) {
            slot.span.end = self.at;
            slot.len = len;
            slot.next = next;
        }
        Ok(())
    }

    fn list(&mut self, _: usize) -> Result<usize, Mistake> {
        let mut len = 0;
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(len);
        }
        loop {
            self.value(Place::Entry, None)?;
            len += 1;
            if self.ends(b']', Place::AfterEntry)? {
                return Ok(len);
            }
        }
    }

    fn object(&mut self, index: usize) -> Result<usize, Mistake> {
        let mut len = 0;
        let mut marks = Marks::default();
        // Whether only a comparison of all keys shows that none is given twice.
        let mut doubtful = false;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(len);
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return self.unexpected(Place::Key);
            }
            let start = self.at;
            let decoded = self.string()?;
            let escaped = decoded.is_some();
            let span = Span { start, end: self.at };
            let name = decoded.as_deref().unwrap_or_else(|| self.document.inside(span));
            let mark = Mark::of(name);
            doubtful = doubtful || (marks.add(mark) && (len > FEW || self.document.has_member(index, name)));
            self.skip_space();
            if self.peek() != Some(b':') {
                return self.unexpected(Place::Colon);
            }
            self.at += 1;
            let key = Key { span, escaped, mark };
            self.value(Place::Value, Some(key))?;
            len += 1;
            if self.ends(b'}', Place::AfterMember)? {
                if doubtful && !self.document.duplicates {
                    self.document.duplicates = self.document.has_member_twice(index);
                }
                return Ok(len);
            }
        }
    }

    /// Steps over `close` and says so, or over a comma that something follows.
    fn ends(&mut self, close: u8, place: Place) -> Result<bool, Mistake> {
        self.skip_space();
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(true)
            }
            Some(b',') => {
                let comma = self.at;
                self.at += 1;
                self.skip_space();
                if self.peek() == Some(close) {
                    let message = format!("there is a comma before '{}'", char::from(close));
                    return Err(Mistake::new(comma..comma + 1, message).with_help("remove the comma"));
                }
                Ok(false)
            }
            _ => self.unexpected(place),
        }
    }

    /// Steps over the plain characters of a string.
    fn skip_plain(&mut self) {
        let rest = self.document.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))
            .unwrap_or(rest.len());
    }

    /// Steps over a string, and returns what it means if it has a `\`.
    fn string(&mut self) -> Result<Option<String>, Mistake> {
        let start = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            self.skip_plain();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    break;
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    // The escape itself is checked below; here only `\"` must not end the string.
                    if matches!(self.peek(), Some(b'"' | b'\\')) {
                        self.at += 1;
                    }
                }
                Some(byte) => return Err(Mistake::control(start, self.at, byte)),
                None => return Err(Mistake::unclosed(start, self.at)),
            }
        }
        let span = Span { start, end: self.at };
        if !escaped {
            return Ok(None);
        }
        match decoded(self.document.slice(span)) {
            Some(text) => Ok(Some(text)),
            None => Err(Mistake::escape(self.document.text, span.range())),
        }
    }
}
