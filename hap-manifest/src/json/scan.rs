//! The scanner: from text to a tree of byte ranges.

use std::ops::Range;

use super::MAX_DEPTH;
use super::explain::{Mistake, Place};
use super::number::number_end;
use super::tree::{Inner, Member, Node};

/// Reads a JSON text.
pub(crate) fn scan(text: &str) -> Result<Node, Mistake> {
    let mut scanner = Scanner {
        text,
        at: 0,
        depth: 0,
    };
    if text.starts_with('\u{feff}') {
        return Err(Mistake::new(0..3, "the text begins with a byte order mark")
            .with_help("save the file as UTF-8 without it"));
    }
    let node = scanner.value(Place::Document)?;
    scanner.skip_space();
    if scanner.at < text.len() {
        return Err(Mistake::unexpected(text, scanner.at, Place::AfterDocument));
    }
    Ok(node)
}

struct Scanner<'t> {
    text: &'t str,
    /// Always on a character boundary: it only ever steps over whole tokens.
    at: usize,
    depth: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn slice(&self, span: &Range<usize>) -> &str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    fn unexpected<T>(&self, place: Place) -> Result<T, Mistake> {
        Err(Mistake::unexpected(self.text, self.at, place))
    }

    fn value(&mut self, place: Place) -> Result<Node, Mistake> {
        self.skip_space();
        let start = self.at;
        let inner = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"') => {
                self.string()?;
                Inner::Scalar
            }
            Some(b'-' | b'0'..=b'9') => {
                self.at = number_end(self.text, start)?;
                Inner::Scalar
            }
            _ => match ["true", "false", "null"]
                .into_iter()
                .find(|word| self.rest().starts_with(word))
            {
                Some(word) => {
                    self.at += word.len();
                    Inner::Scalar
                }
                None => return self.unexpected(place),
            },
        };
        Ok(Node {
            span: start..self.at,
            inner,
        })
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<Inner, Mistake>) -> Result<Inner, Mistake> {
        if self.depth == MAX_DEPTH {
            let message = format!("lists and objects are nested more than {MAX_DEPTH} deep");
            return Err(Mistake::new(self.at..self.at + 1, message));
        }
        self.depth += 1;
        self.at += 1;
        let inner = read(self)?;
        self.depth -= 1;
        Ok(inner)
    }

    fn list(&mut self) -> Result<Inner, Mistake> {
        let mut entries = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Inner::List(entries));
        }
        loop {
            entries.push(self.value(Place::Entry)?);
            if self.ends(b']', Place::AfterEntry)? {
                return Ok(Inner::List(entries));
            }
        }
    }

    fn object(&mut self) -> Result<Inner, Mistake> {
        let mut members = Vec::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Inner::Object(members));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return self.unexpected(Place::Key);
            }
            let key_span = self.string()?;
            let key = decoded(self.slice(&key_span), &key_span)?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return self.unexpected(Place::Colon);
            }
            self.at += 1;
            let value = self.value(Place::Value)?;
            members.push(Member { key, key_span, value });
            if self.ends(b'}', Place::AfterMember)? {
                return Ok(Inner::Object(members));
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

    /// Steps over a string and returns where it lies, quotes included.
    fn string(&mut self) -> Result<Range<usize>, Mistake> {
        let start = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
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
                Some(b'\n' | b'\r') | None => {
                    let message = "the string is not closed on its line";
                    return Err(Mistake::new(start..self.at, message)
                        .with_help("close it with '\"', and write line breaks as \\n"));
                }
                Some(byte @ 0..=0x1f) => {
                    let message = format!("the string has the control character {:?}", char::from(byte));
                    let help = format!("write it as \\u{byte:04x}");
                    return Err(Mistake::new(self.at..self.at + 1, message).with_help(help));
                }
                Some(_) => self.at += 1,
            }
        }
        let span = start..self.at;
        if escaped {
            decoded(self.slice(&span), &span)?;
        }
        Ok(span)
    }
}

/// The text of a string, which may have escapes that mean nothing.
fn decoded(quoted: &str, span: &Range<usize>) -> Result<String, Mistake> {
    if !quoted.contains('\\') {
        // The scanner saw both quotes.
        return Ok(quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned());
    }
    serde_json::from_str(quoted).map_err(|_| {
        Mistake::new(span.clone(), "the string has an invalid escape")
            .with_help("after '\\' one of \" \\ / b f n r t may follow, or u and four hexadecimal digits")
    })
}
