//! [`Fault`]: why something is no schema that may be used.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use crate::diagnostics::issue_code::IssueCode;
use crate::diagnostics::report::Issue;
use crate::diagnostics::suggest::nearest;
use crate::json::pointer::escaped;
use crate::value::error::{ParseError, quoted, shortened};

/// Longest explanation of the schema compiler that a message repeats, in bytes.
const EXPLANATION: usize = 300;
const TYPES: [&str; 7] = [
    "string", "integer", "number", "boolean", "object", "array", "null",
];

/// What programming languages call them.
const ELSEWHERE: [(&str, &str); 9] = [
    ("bool", "boolean"),
    ("dict", "object"),
    ("double", "number"),
    ("float", "number"),
    ("int", "integer"),
    ("list", "array"),
    ("map", "object"),
    ("str", "string"),
    ("text", "string"),
];

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Where in the schema.
    pointer: String,
    rule: String,
    help: Option<String>,
}

impl Fault {
    pub(super) fn new(rule: impl Into<String>) -> Self {
        Self {
            pointer: String::new(),
            rule: rule.into(),
            help: None,
        }
    }

    pub(super) fn with_help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    pub(super) fn at(self, pointer: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            ..self
        }
    }

    /// Returns the fault of the member `keyword` of a part of `root`.
    pub(super) fn inside(self, root: &Value, part: &Value, keyword: &str) -> Self {
        let mut pointer = String::new();
        if find(root, part, &mut pointer) {
            self.at(format!("{pointer}/{keyword}"))
        } else {
            self
        }
    }

    /// Returns the fault of a part of `root` as a whole.
    pub(super) fn of_part(self, root: &Value, part: &Value) -> Self {
        let mut pointer = String::new();
        find(root, part, &mut pointer);
        self.at(pointer)
    }

    /// Puts an error of the schema compiler into words for the author of a schema.
    pub(super) fn of(error: &ValidationError<'_>) -> Self {
        let pointer = error.instance_path().to_string();
        let found = error.instance();
        let text = found.as_str().unwrap_or_default();
        let fault = match error.kind() {
            ValidationErrorKind::Format { format } if format == "regex" => {
                Self::new(format!("the pattern {} cannot be used", quoted(text))).with_help(
                    "check its brackets; look-around such as (?=x), back-references and giant repetitions are not supported",
                )
            }
            ValidationErrorKind::AnyOf { .. } if pointer.ends_with("/type") && found.is_string() => {
                let fault = Self::new(format!("{} is not a type", quoted(text)));
                let elsewhere = ELSEWHERE.iter().find(|(other, _)| *other == text);
                match nearest(text, TYPES).or(elsewhere.map(|(_, name)| *name)) {
                    Some(name) => fault.with_help(format!("did you mean \"{name}\"?")),
                    None => fault.with_help(format!("the types are {}", TYPES.join(", "))),
                }
            }
            ValidationErrorKind::Type { .. } if pointer.ends_with("/required") && found.is_string() => {
                let fault = Self::new(shortened(error.to_string(), EXPLANATION));
                fault.with_help(format!("write [{}]", quoted(text)))
            }
            ValidationErrorKind::Type { .. } if pointer.ends_with("/required") && found.is_boolean() => {
                let fault = Self::new("`required` stands in the object, not in its property");
                fault.with_help("list the names of required properties beside \"properties\": \"required\": [\"host\"]")
            }
            ValidationErrorKind::Type { .. } if type_of(text).is_some() => {
                let fault = Self::new(format!("{} is no schema", quoted(text)));
                let name = type_of(text).unwrap_or_default();
                fault.with_help(format!("write {{\"type\": \"{name}\"}}"))
            }
            _ => Self::new(shortened(error.to_string(), EXPLANATION)),
        };
        fault.at(pointer)
    }

    /// Converts to the refusal of a schema that is not part of a manifest.
    pub(super) fn into_error(self) -> ParseError {
        let place = if self.pointer.is_empty() {
            String::new()
        } else {
            format!("at {}: ", quoted(&self.pointer))
        };
        let error = ParseError::hidden("config_schema", format!("{place}{}", self.rule));
        match self.help {
            Some(help) => error.with_help(help),
            None => error,
        }
    }

    /// Converts to an issue of the manifest that holds the schema.
    pub(super) fn into_issue(mut self) -> Issue {
        self.rule = format!("not a usable JSON Schema: {}", self.rule);
        self.into_issue_of(IssueCode::InvalidSchema)
    }

    /// Converts to an issue of another kind.
    pub(super) fn into_issue_of(self, code: IssueCode) -> Issue {
        let issue = Issue::new(format!("/config_schema{}", self.pointer), code, self.rule);
        match self.help {
            Some(help) => issue.with_help(help),
            None => issue,
        }
    }
}

/// Returns the type that a word stands for, here or in a programming language.
pub(super) fn type_of(word: &str) -> Option<&'static str> {
    let elsewhere = ELSEWHERE.iter().find(|(other, _)| *other == word);
    let own = TYPES.iter().find(|name| **name == word).copied();
    own.or(elsewhere.map(|(_, name)| *name))
}

/// Returns whether `wanted`, which is known by its address, is in `value`; the pointer to it is
/// added to `pointer`.
fn find(value: &Value, wanted: &Value, pointer: &mut String) -> bool {
    if std::ptr::eq(value, wanted) {
        return true;
    }
    let mut enter = |token: &str, inner: &Value| {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(token);
        let found = find(inner, wanted, pointer);
        if !found {
            pointer.truncate(length);
        }
        found
    };
    match value {
        Value::Object(map) => map.iter().any(|(key, inner)| enter(&escaped(key), inner)),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .any(|(index, inner)| enter(&index.to_string(), inner)),
        _ => false,
    }
}
