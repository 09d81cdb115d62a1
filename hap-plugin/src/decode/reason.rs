//! [`Reason`]: why a value does not fit a type, as serde tells it before it is a sentence.

use std::borrow::Cow;
use std::fmt::{self, Display};

use serde::de::{Error, Expected, Unexpected};
use serde_json::Value;

/// What [`Secret`](crate::Secret) says of a value that does not fit.
pub(super) const UNFIT_SECRET: &str = "the secret value does not fit";

type Names = &'static [&'static str];

/// What of a value does not fit. It holds nothing of the value but a number, or the name of a
/// field.
#[derive(Debug)]
pub(super) enum Reason {
    Type {
        found: Found,
        expected: String,
    },
    Value {
        found: Found,
        expected: String,
    },
    Length {
        found: usize,
        expected: String,
    },
    Variant {
        known: Names,
    },
    UnknownField {
        name: String,
        known: Names,
    },
    MissingField(&'static str),
    DuplicateField(String),
    Key,
    Secret,
    /// It breaks a bound of the schema, which says what would have fitted.
    OutOfBounds {
        kind: &'static str,
        found: String,
    },
    /// The words of whoever wrote the type.
    Said(String),
    /// None of several shapes fits, and none of them says why.
    NoShape,
    /// Reading it once more found nothing wrong.
    Unexplained,
}

/// A kind of value.
#[derive(Debug)]
pub(super) struct Found {
    kind: &'static str,
    number: Option<String>,
    // An author's word for it.
    word: Option<String>,
}

impl Found {
    fn of(unexpected: Unexpected<'_>) -> Self {
        let number = match unexpected {
            Unexpected::Unsigned(number) => Some(number.to_string()),
            Unexpected::Signed(number) => Some(number.to_string()),
            Unexpected::Float(number) => Some(number.to_string()),
            _ => None,
        };
        let word = match unexpected {
            Unexpected::Other(word) => Some(word.to_owned()),
            _ => None,
        };
        let kind = match unexpected {
            Unexpected::Bool(_) => "true or false",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a whole number",
            Unexpected::Float(_) => "a number",
            Unexpected::Char(_) | Unexpected::Str(_) => "a string",
            Unexpected::Bytes(_) => "bytes",
            Unexpected::Unit => "null",
            Unexpected::Seq | Unexpected::TupleVariant => "a list",
            Unexpected::Map | Unexpected::StructVariant => "an object",
            Unexpected::UnitVariant => "a name alone",
            Unexpected::Option
            | Unexpected::NewtypeStruct
            | Unexpected::NewtypeVariant
            | Unexpected::Enum => "a value",
            Unexpected::Other(_) => "another value",
        };
        Self { kind, number, word }
    }

    /// Tells whether it may be what is said of this value.
    fn may_be(&self, value: &Value) -> bool {
        match self.kind {
            "true or false" => value.is_boolean(),
            "a whole number" | "a number" => value.is_number(),
            "a string" => value.is_string(),
            "null" => value.is_null(),
            "a list" => value.is_array(),
            "an object" => value.is_object(),
            _ => true,
        }
    }

    fn told(&self, to: To) -> &str {
        match to {
            To::Sender => self.word.as_deref().unwrap_or(self.kind),
            To::Log => self.kind,
        }
    }
}

/// Who reads it. What was sent does not go to the log, not even a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    Sender,
    Log,
}

impl Reason {
    /// Whether the schema knows better than the type what would have fitted.
    pub(super) fn asks_the_schema(&self) -> bool {
        match self {
            Self::Type { .. } | Self::Length { .. } | Self::Secret | Self::NoShape => true,
            // A text of the right kind, for example: the type alone knows what is wrong with it.
            Self::Value { found, .. } => found.number.is_some(),
            _ => false,
        }
    }

    /// Tells whether it may be said of this value, and not of a part of it.
    pub(super) fn may_be_of(&self, value: &Value) -> bool {
        match self {
            Self::Type { found, .. } | Self::Value { found, .. } => found.may_be(value),
            Self::Length { .. } => value.is_array() || value.is_object(),
            Self::Secret => !value.is_object(),
            _ => true,
        }
    }

    /// The reason in words. `by_schema` is what the schema says would have fitted.
    ///
    /// `None` for the log where only an author's words say it: they may repeat what was sent.
    pub(super) fn told(&self, by_schema: Option<&str>, to: To) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Type { found, expected } => {
                let expected = by_schema.map_or_else(|| plain(expected), Cow::Borrowed);
                match &found.number {
                    // Of a whole one the kind says it all.
                    Some(number) if to == To::Sender && expected.starts_with("a whole number") => {
                        format!("expected {expected}, and {number} is no whole number").into()
                    }
                    _ => format!("expected {expected}, found {}", found.told(to)).into(),
                }
            }
            Self::Value { found, expected } => {
                let expected = by_schema.map_or_else(|| plain(expected), Cow::Borrowed);
                let found = match (&found.number, to) {
                    (Some(number), To::Sender) => number,
                    _ => found.told(to),
                };
                format!("expected {expected}, found {found}").into()
            }
            Self::Length { found, expected } => {
                let expected = by_schema.map_or_else(|| plain(expected), Cow::Borrowed);
                format!("expected {expected}, found a length of {found}").into()
            }
            Self::Variant { known: [] } => "no value is allowed here".into(),
            Self::Variant { known } => format!("expected {}, found another value", one_of(known)).into(),
            Self::UnknownField { name, known } => {
                let field = match to {
                    To::Sender => format!("unknown field `{name}`"),
                    To::Log => "unknown field".to_owned(),
                };
                match known {
                    [] => field.into(),
                    known => format!("{field}, expected {}", one_of(known)).into(),
                }
            }
            Self::MissingField(name) => format!("missing field `{name}`").into(),
            Self::DuplicateField(name) => match to {
                To::Sender => format!("duplicate field `{name}`").into(),
                To::Log => "duplicate field".into(),
            },
            Self::Key => "the key has to be a number in quotes".into(),
            Self::Secret => match by_schema {
                Some(expected) => format!("{UNFIT_SECRET}, expected {expected}").into(),
                None => UNFIT_SECRET.into(),
            },
            Self::OutOfBounds { kind, found } => {
                let found = if to == To::Sender { found } else { *kind };
                format!("expected {}, found {found}", by_schema.unwrap_or("another value")).into()
            }
            Self::Said(words) => match to {
                To::Sender => words.into(),
                To::Log => return None,
            },
            Self::NoShape => match by_schema {
                Some(expected) => format!("expected {expected}").into(),
                None => "the value has none of the shapes that are allowed here".into(),
            },
            Self::Unexplained => "the value does not fit".into(),
        })
    }
}

/// What a type expects, in words of people who do not write Rust, where those are known.
fn plain(expected: &str) -> Cow<'_, str> {
    let whole = |least: &dyn Display, most: &dyn Display| format!("a whole number from {least} to {most}");
    match expected {
        "u8" => whole(&u8::MIN, &u8::MAX),
        "u16" => whole(&u16::MIN, &u16::MAX),
        "u32" => whole(&u32::MIN, &u32::MAX),
        "u64" | "usize" => "a whole number of at least 0".to_owned(),
        "i8" => whole(&i8::MIN, &i8::MAX),
        "i16" => whole(&i16::MIN, &i16::MAX),
        "i32" => whole(&i32::MIN, &i32::MAX),
        "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "unit" => "null".to_owned(),
        "a map" => "an object".to_owned(),
        "a sequence" => "a list".to_owned(),
        words if words.starts_with("struct ") => "an object".to_owned(),
        words => return words.into(),
    }
    .into()
}

/// Names to choose from: `` `on` or `off` ``.
pub(super) fn one_of(names: &[impl AsRef<str>]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.as_slice() {
        [one] => one.clone(),
        [one, other] => format!("{one} or {other}"),
        all => format!("one of {}", all.join(", ")),
    }
}

impl Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(None, To::Sender).unwrap_or_default())
    }
}

impl std::error::Error for Reason {}

impl Error for Reason {
    fn custom<T: Display>(words: T) -> Self {
        let words = words.to_string();
        // serde has no other way to tell the second and the third.
        let unknown = words
            .strip_prefix("unknown field `")
            .and_then(|rest| rest.strip_suffix('`'));
        if words == UNFIT_SECRET {
            Self::Secret
        } else if words.starts_with("data did not match any variant of untagged enum ") {
            Self::NoShape
        } else if let Some(name) = unknown {
            Self::unknown_field(name, &[])
        } else {
            Self::Said(words)
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Type {
            found: Found::of(found),
            expected: expected.to_string(),
        }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Value {
            found: Found::of(found),
            expected: expected.to_string(),
        }
    }

    fn invalid_length(found: usize, expected: &dyn Expected) -> Self {
        Self::Length {
            found,
            expected: expected.to_string(),
        }
    }

    fn unknown_variant(_: &str, known: Names) -> Self {
        Self::Variant { known }
    }

    fn unknown_field(name: &str, known: Names) -> Self {
        Self::UnknownField {
            name: name.to_owned(),
            known,
        }
    }

    fn missing_field(name: &'static str) -> Self {
        Self::MissingField(name)
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::DuplicateField(name.to_owned())
    }
}
