//! [`Refusal`]: why serde refused one value, and which.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use crate::diagnostics::issue_code::IssueCode;
use crate::diagnostics::report::Issue;
use crate::diagnostics::suggest::nearest;
use crate::diagnostics::text::mismatch;
use crate::json::node::Node;
use crate::value::error::quoted;

/// What serde calls its types, and what people call them.
const NAMES: [(&str, &str); 20] = [
    ("a boolean", "true or false"),
    ("a map", "an object"),
    ("a nonzero u16", "a whole number from 1 to 65535"),
    ("a nonzero u32", "a whole number from 1 to 4294967295"),
    ("a nonzero u64", "a whole number, at least 1"),
    ("a nonzero usize", "a whole number, at least 1"),
    ("a sequence", "a list"),
    ("f32", "a number"),
    ("f64", "a number"),
    ("i16", "a whole number from -32768 to 32767"),
    ("i32", "a whole number from -2147483648 to 2147483647"),
    ("i64", "a whole number"),
    ("i8", "a whole number from -128 to 127"),
    ("path string", "a string"),
    ("u16", "a whole number from 0 to 65535"),
    ("u32", "a whole number from 0 to 4294967295"),
    ("u64", "a whole number, at least 0"),
    ("u8", "a whole number from 0 to 255"),
    ("usize", "a whole number, at least 0"),
    ("variant identifier", "a string"),
];

/// Why a value was refused. It learns its place on the way out of the value.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The JSON pointer to the value, once that is known.
    pub(super) pointer: Option<String>,
    pub(super) kind: Kind,
    code: IssueCode,
    message: String,
    help: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The value is not what was expected: what it is instead is said when its place is known.
    Mismatch,
    /// A key is missing, so that leaving something out does not help.
    Missing(&'static str),
    Other,
}

impl Refusal {
    fn new(kind: Kind, code: IssueCode, message: impl Into<String>) -> Self {
        Self {
            pointer: None,
            kind,
            code,
            message: message.into(),
            help: None,
        }
    }

    /// Refuses what is no object.
    pub(super) fn no_object() -> Self {
        Self::new(Kind::Mismatch, IssueCode::WrongType, "an object")
    }

    /// Refuses what is neither the name of a variant nor an object of one.
    pub(super) fn no_variant(variants: &[&str]) -> Self {
        let message = format!("one of \"{}\"", variants.join("\", \""));
        Self::new(Kind::Mismatch, IssueCode::WrongType, message)
    }

    /// Sets the place, unless a value inside was it.
    pub(super) fn at(mut self, node: Node<'_>) -> Self {
        if self.pointer.is_some() {
            return self;
        }
        if self.kind == Kind::Mismatch {
            let is_text = self.message.starts_with("a string");
            let plain = is_text && (node.is_number() || node.flag().is_some());
            if plain {
                self.help = Some(format!("write \"{}\" in quotes", node.to_value()));
            } else if let Some(text) = node.text().filter(|text| self.wants_plain(text)) {
                self.help = Some(format!("write {text} without quotes"));
            }
            self.message = mismatch(&self.message, node);
        }
        self.pointer = Some(node.pointer());
        self
    }

    /// Returns whether a text would be right without its quotes.
    fn wants_plain(&self, text: &str) -> bool {
        let number = self.message.starts_with("a whole number") && text.parse::<i64>().is_ok();
        let flag = self.message == "true or false" && matches!(text, "true" | "false");
        text.len() < 20 && (number || flag)
    }

    pub(super) fn into_issue(self) -> Issue {
        let pointer = self.pointer.unwrap_or_default();
        let pointer = match self.kind {
            Kind::Missing(key) => format!("{pointer}/{key}"),
            _ => pointer,
        };
        let issue = Issue::new(pointer, self.code, self.message);
        match self.help {
            Some(help) => issue.with_help(help),
            None => issue,
        }
    }
}

/// What was expected, in words.
fn expected(what: &dyn Expected) -> String {
    let name = what.to_string();
    if name.starts_with("struct ") {
        return "an object".to_owned();
    }
    let known = NAMES.iter().find(|(known, _)| *known == name);
    known.map_or(name, |(_, words)| (*words).to_owned())
}

impl de::Error for Refusal {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Kind::Other, IssueCode::InvalidValue, message.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, what: &dyn Expected) -> Self {
        Self::new(Kind::Mismatch, IssueCode::WrongType, expected(what))
    }

    fn invalid_value(_: Unexpected<'_>, what: &dyn Expected) -> Self {
        Self::new(Kind::Mismatch, IssueCode::InvalidValue, expected(what))
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        let message = format!("unknown value {}", quoted(variant));
        let refusal = Self::new(Kind::Other, IssueCode::InvalidValue, message);
        let help = match nearest(variant, known.iter().copied()) {
            Some(name) => format!("did you mean \"{name}\"?"),
            None => format!("write one of \"{}\"", known.join("\", \"")),
        };
        Self {
            help: Some(help),
            ..refusal
        }
    }

    fn missing_field(key: &'static str) -> Self {
        let message = format!("`{key}` is required");
        let refusal = Self::new(Kind::Missing(key), IssueCode::MissingField, message);
        Self {
            help: Some(format!("add \"{key}\" to the object")),
            ..refusal
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_in_order() {
        assert!(NAMES.is_sorted());
    }
}
