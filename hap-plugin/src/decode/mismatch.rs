//! [`Mismatch`]: what of well-formed JSON does not fit a type, and where.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use serde_path_to_error::{Path, Segment, Track};

use crate::decode::duplicate::duplicates;
use crate::decode::expected::{expected, has_property};
use crate::decode::limit::Broken;
use crate::decode::reason::{Reason, To};
use crate::decode::value_reader::ValueReader;
use crate::error::Fault;

/// A refusal to be. It says what would have fitted, and never what was sent.
#[derive(Debug)]
pub(crate) struct Mismatch {
    /// Such as `scenes[1].room`; `.` for the whole. What is missing is in it, and so is what is
    /// unknown.
    path: String,
    /// The object or value that the reason speaks of.
    place: String,
    /// The key of the outermost object that it is about.
    pub(crate) key: Option<String>,
    reason: Box<Reason>,
    /// What the schema says would have fitted.
    by_schema: Option<String>,
}

impl Mismatch {
    /// Reads a value that a `T` refused once more, to learn why. `refused_at` is where that was, if
    /// it is known.
    pub(crate) fn of<T: DeserializeOwned>(value: &Value, schema: &Value, refused_at: Option<&Path>) -> Self {
        match serde_path_to_error::deserialize::<_, T>(ValueReader(value)) {
            Ok(_) => Self::unexplained(refused_at.unwrap_or(&Track::new().path())),
            Err(error) => {
                let path = error.path().clone();
                let reason = error.into_inner();
                // serde may have held a part back and refused it later, in the name of the whole.
                let is_there = value_at(value, &path).is_none_or(|there| reason.may_be_of(there));
                let asks = reason.asks_the_schema() && is_there;
                let by_schema = asks.then(|| expected(schema, value, &path));
                Self::new(&path, reason, by_schema.flatten())
            }
        }
    }

    /// A value that its type takes and that breaks a bound of its schema.
    pub(super) fn out_of_bounds(path: String, key: Option<String>, broken: Broken, is_secret: bool) -> Self {
        let Broken {
            expected,
            kind,
            found,
        } = broken;
        let reason = if is_secret {
            Reason::Secret
        } else {
            Reason::OutOfBounds { kind, found }
        };
        Self {
            place: path.clone(),
            path,
            key,
            reason: Box::new(reason),
            by_schema: Some(expected),
        }
    }

    /// What reading a value once more does not show.
    pub(super) fn unexplained(path: &Path) -> Self {
        Self::new(path, Reason::Unexplained, None)
    }

    /// The same for the text that the value was read from, which may have a field twice.
    pub(super) fn in_text(self, text: &[u8], value: &Value, schema: &Value, refused_at: &Path) -> Self {
        if !matches!(*self.reason, Reason::Unexplained) {
            return self;
        }
        // Others may be there as often as they like: a type refuses its own alone.
        let twice = duplicates(text, refused_at);
        let own = twice
            .iter()
            .find(|name| has_property(schema, value, refused_at, name));
        match own.or_else(|| twice.first()) {
            Some(name) => Self::new(refused_at, Reason::DuplicateField(name.clone()), None),
            None => self,
        }
    }

    fn new(path: &Path, reason: Reason, by_schema: Option<String>) -> Self {
        let outermost = path.iter().next().and_then(|segment| match segment {
            Segment::Map { key } => Some(key.clone()),
            _ => None,
        });
        let path = path.to_string();
        let below = |name: &str| match path.as_str() {
            "." => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        let (place, path, unknown) = match &reason {
            Reason::UnknownField { name, .. } => {
                let (place, path) = parted(&path, name).unwrap_or_else(|| (path.clone(), below(name)));
                (place, path, Some(name.clone()))
            }
            Reason::DuplicateField(name) => {
                let (place, path) = parted(&path, name).unwrap_or_else(|| (path.clone(), below(name)));
                (place, path, None)
            }
            Reason::MissingField(name) => (path.clone(), below(name), None),
            _ => (path.clone(), path, None),
        };
        Self {
            path,
            place,
            key: outermost.or(unknown),
            reason: Box::new(reason),
            by_schema,
        }
    }

    /// Whether all that is wrong is something missing in the outermost object.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.place == "." && matches!(*self.reason, Reason::MissingField(_))
    }

    /// The refusal, with this code.
    pub(crate) fn into_fault(self, code: &'static str) -> Fault {
        let details = json!({ "path": self.path, "message": self.reason() });
        self.refusal(code, self.to_string(), details)
    }

    /// The refusal of the parameters of a command.
    pub(crate) fn into_command_fault(self, command: &str) -> Fault {
        let reason = self.reason();
        let message = match self.place.as_str() {
            "." => format!("bad parameters of command {command:?}: {reason}"),
            place => format!("bad parameters of command {command:?} at `{place}`: {reason}"),
        };
        let details = json!({ "command": command, "path": self.path, "message": reason });
        self.refusal("invalid_params", message, details)
    }

    fn refusal(&self, code: &'static str, message: String, details: Value) -> Fault {
        let for_log = self.reason.told(self.by_schema.as_deref(), To::Log);
        Fault::new(422, code, message)
            .with_details(details)
            .with_reason_for_log(for_log.map(Into::into))
    }

    pub(crate) fn reason(&self) -> String {
        let told = self.reason.told(self.by_schema.as_deref(), To::Sender);
        told.unwrap_or_default().into_owned()
    }
}

/// What stands at a path; `None` where that cannot be told.
fn value_at<'a>(value: &'a Value, path: &Path) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, segment| match segment {
        Segment::Map { key } | Segment::Enum { variant: key } => value.get(key),
        Segment::Seq { index } => value.get(index),
        Segment::Unknown => None,
    })
}

/// The place of a field and the path to it, where the path ends with its name: serde may have held
/// it back for a while.
fn parted(path: &str, name: &str) -> Option<(String, String)> {
    let place = match path.strip_suffix(name)? {
        "" => ".",
        parent => parent.strip_suffix('.')?,
    };
    Some((place.to_owned(), path.to_owned()))
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.reason();
        if self.place == "." {
            f.write_str(&reason)
        } else {
            write!(f, "at `{}`: {reason}", self.place)
        }
    }
}
