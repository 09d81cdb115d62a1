//! [`Mistake`]: why a text is not JSON, in words that lead to the fix.

use std::ops::Range;

use crate::value::error::quoted;

/// Why a text is not JSON: the place, the reason and the fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// What the scanner was waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Document,
    Entry,
    AfterEntry,
    Key,
    Colon,
    Value,
    AfterMember,
    AfterDocument,
}

impl Place {
    const fn expected(self) -> &'static str {
        match self {
            Self::Document | Self::Value => "a value",
            Self::Entry => "a value or ']'",
            Self::AfterEntry => "',' or ']'",
            Self::Key => "a key in double quotes or '}'",
            Self::Colon => "':' after the key",
            Self::AfterMember => "',' or '}'",
            Self::AfterDocument => "the end",
        }
    }

    const fn help(self) -> Option<&'static str> {
        match self {
            Self::Document => Some("a manifest is a JSON object, which begins with '{'"),
            Self::Key => Some("write keys in double quotes"),
            Self::Colon => Some("add ':' after the key"),
            Self::Value => Some("write a value after ':'"),
            Self::AfterDocument => Some("remove what follows the document's last '}'"),
            Self::Entry | Self::AfterEntry | Self::AfterMember => None,
        }
    }
}

impl Mistake {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            help: None,
        }
    }

    pub(super) fn with_help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// Explains a text that is YAML.
    pub(super) fn yaml(span: Range<usize>) -> Self {
        Self::new(span, "this is YAML")
            .with_help("a manifest is a JSON object: convert it, so that it begins with '{'")
    }

    /// Explains a character that a string, which begins at `start`, may not have.
    pub(super) fn control(start: usize, at: usize, byte: u8) -> Self {
        if matches!(byte, b'\n' | b'\r') {
            return Self::unclosed(start, at);
        }
        let message = format!("the string has the control character {:?}", char::from(byte));
        Self::new(at..at + 1, message).with_help(format!("write it as \\u{byte:04x}"))
    }

    /// Explains a string that begins at `start` and has no end.
    pub(super) fn unclosed(start: usize, end: usize) -> Self {
        Self::new(start..end, "the string is not closed on its line")
            .with_help("close it with '\"', and write line breaks as \\n")
    }

    /// Explains a string with an invalid escape.
    pub(super) fn escape(text: &str, string: Range<usize>) -> Self {
        let (at, length) = wrong_escape(text.get(string.clone()).unwrap_or_default());
        let start = string.start + at;
        let span = start..(start + length).min(string.end);
        let found = text.get(span.clone()).unwrap_or_default();
        if length == UNIT {
            return Self::new(span, format!("{found} is one half of a character"))
                .with_help("write the character itself, or both halves");
        }
        let message = match found.chars().nth(1) {
            Some(next) if !next.is_ascii_graphic() => format!("'\\' before {next:?} means nothing"),
            _ => format!("{found} means nothing"),
        };
        Self::new(span, message)
            .with_help("write \\\\ for '\\' itself; else one of \" / b f n r t may follow it, or u and four hexadecimal digits")
    }

    /// Explains what was found at `at` instead of what `place` expects.
    pub(super) fn unexpected(text: &str, at: usize, place: Place) -> Self {
        let rest = text.get(at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else {
            return Self::end(at, place);
        };
        let here = |length: usize| at..at + length;
        if rest.starts_with("//") || rest.starts_with("/*") || first == '#' {
            let line = rest.find(['\n', '\r']).unwrap_or(rest.len());
            let closed = rest.find("*/").map_or(line, |end| end + 2);
            let length = if rest.starts_with("/*") {
                closed.min(line)
            } else {
                line
            };
            return Self::new(here(length), "JSON has no comments").with_help("remove the comment");
        }
        if first == '\'' {
            return Self::new(here(1), "strings and keys are written in double quotes")
                .with_help("replace ' by \"");
        }
        if matches!(first, '\u{201c}' | '\u{201d}' | '\u{201e}') {
            let message = format!("the quotation mark {first} is not the plain one");
            return Self::new(here(first.len_utf8()), message).with_help("replace it by \"");
        }
        let starts_value = matches!(first, '"' | '{' | '[' | '-') || first.is_alphanumeric();
        if starts_value && matches!(place, Place::AfterEntry | Place::AfterMember) {
            return Self::new(here(first.len_utf8()), "a comma is missing before this")
                .with_help("add ',' after what precedes it");
        }
        let length = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
            .unwrap_or(rest.len());
        if let Some(word) = rest.get(..length).filter(|word| !word.is_empty()) {
            if place == Place::Document && rest.get(length..).is_some_and(|after| after.starts_with(':')) {
                return Self::yaml(here(length));
            }
            return Self::word(here(length), word, place);
        }
        let message = format!("expected {}, found {first:?}", place.expected());
        let mistake = Self::new(here(first.len_utf8()), message);
        match (place, first) {
            (_, '+') => mistake.with_help("a number has no '+' in front"),
            (_, '`') => mistake.with_help("replace ` by \""),
            _ => match place.help() {
                Some(help) => mistake.with_help(help),
                None => mistake,
            },
        }
    }

    fn word(span: Range<usize>, word: &str, place: Place) -> Self {
        let message = format!("expected {}, found {}", place.expected(), quoted(word));
        let mistake = Self::new(span, message);
        let is_value = matches!(place, Place::Entry | Place::Value);
        if let Some(help) = place.help().filter(|_| !is_value) {
            return mistake.with_help(help);
        }
        match word.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => mistake.with_help("write true"),
            "false" | "no" | "off" => mistake.with_help("write false"),
            "none" | "null" | "nil" | "undefined" => mistake.with_help("write null, or leave the key out"),
            "nan" | "infinity" | "inf" => mistake.with_help("JSON has no such number"),
            _ => mistake.with_help("write strings in double quotes"),
        }
    }

    fn end(at: usize, place: Place) -> Self {
        let (message, help) = match place {
            Place::Document => ("the text is empty", "a manifest is a JSON object"),
            Place::Entry | Place::AfterEntry => ("the text ends inside a list", "close it with ']'"),
            _ => ("the text ends inside an object", "close it with '}'"),
        };
        Self::new(at..at, message).with_help(help)
    }
}

/// Length of an escape of one UTF-16 unit, such as `\u00e4`.
const UNIT: usize = 6;

/// Returns the position and the length of the first invalid escape in a quoted string. The length
/// is [`UNIT`] for half of a character.
fn wrong_escape(quoted: &str) -> (usize, usize) {
    let unit = |at: usize| {
        let digits = quoted.get(at..)?.strip_prefix("\\u")?.get(..4)?;
        let hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u16::from_str_radix(digits, 16).ok().filter(|_| hexadecimal)
    };
    let mut at = 0;
    while let Some(found) = quoted.get(at..).and_then(|rest| rest.find('\\')) {
        at += found;
        let next = quoted.get(at + 1..).and_then(|rest| rest.chars().next());
        at += match (next, unit(at), unit(at + UNIT)) {
            (Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't'), ..) => 2,
            (_, Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 2 * UNIT,
            (_, Some(0xd800..=0xdfff), _) => return (at, UNIT),
            (_, Some(_), _) => UNIT,
            (next, None, _) => return (at, 1 + next.map_or(0, char::len_utf8)),
        };
    }
    (0, quoted.len())
}
