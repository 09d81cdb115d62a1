//! [`Fields`]: reads the members of a JSON object, collecting issues instead of stopping at the first.

use std::fmt;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::IssueCode;
use crate::ParseError;
use crate::collect::Collector;
use crate::error::{bare, quoted};
use crate::report::{Issue, Severity};
use crate::suggest::nearest;

/// Most entries of any list or map in a manifest.
pub(crate) const MAX_ENTRIES: usize = 256;

/// The pointer to an entry of a list, put together only for an issue: most manifests have none.
#[derive(Debug, Clone)]
pub(crate) struct At {
    object: Rc<str>,
    key: &'static str,
    index: usize,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.object, self.key, self.index)
    }
}

impl From<&At> for String {
    fn from(at: &At) -> Self {
        at.to_string()
    }
}

impl From<At> for String {
    fn from(at: At) -> Self {
        at.to_string()
    }
}

/// The pointer to a member, put together only for an issue.
struct Key<'a> {
    object: &'a str,
    key: &'static str,
}

impl From<Key<'_>> for String {
    fn from(key: Key<'_>) -> Self {
        format!("{}/{}", key.object, key.key)
    }
}

/// An entry of a list, with the pointer to it.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    pub(crate) at: At,
    pub(crate) value: T,
}

impl<T> Entry<T> {
    pub(crate) fn values(entries: Vec<Self>) -> Vec<T> {
        entries.into_iter().map(|entry| entry.value).collect()
    }
}

pub(crate) struct Fields<'v, 'c> {
    object: &'v Map<String, Value>,
    at: Rc<str>,
    known: Vec<&'static str>,
    /// How many of the known keys the object has.
    present: usize,
    /// Whether the key that was asked for last is absent.
    lacking: bool,
    collector: &'c mut Collector,
}

impl<'v, 'c> Fields<'v, 'c> {
    /// Begins with `value`, which lies at the pointer `at`; an issue and `None` if it is no object.
    pub(crate) fn of(value: &'v Value, at: &str, collector: &'c mut Collector) -> Option<Self> {
        match value {
            Value::Object(object) => Some(Self {
                object,
                at: at.into(),
                known: Vec::with_capacity(object.len()),
                present: 0,
                lacking: false,
                collector,
            }),
            other => {
                let issue = Issue::new(at, IssueCode::WrongType, mismatch("an object", other));
                collector.push(issue.with_help("write {\"key\": value}"));
                None
            }
        }
    }

    /// The value of a key and its pointer. An explicit `null` is the same as an absent key.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<(&'v Value, String)> {
        self.value(key).map(|value| (value, self.pointer(key)))
    }

    /// The value of a key, as [`take`](Self::take) gives it.
    fn value(&mut self, key: &'static str) -> Option<&'v Value> {
        self.known.push(key);
        let value = self.object.get(key);
        self.present += usize::from(value.is_some());
        let value = value.filter(|value| !value.is_null());
        self.lacking = value.is_none();
        value
    }

    /// A field with a default, read as [`required`](Self::required) does. `None` only if it was refused, so that no rule is applied to what nobody wrote.
    pub(crate) fn or_default<T>(
        &mut self,
        key: &'static str,
        default: impl FnOnce() -> T,
        read: impl FnOnce(&mut Self, &'static str) -> Option<T>,
    ) -> Option<T> {
        let value = read(self, key);
        if self.lacking { Some(default()) } else { value }
    }

    /// Reads a field by one of the readers below, which asks for this key alone, and reports its absence.
    pub(crate) fn required<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Self, &'static str) -> Option<T>,
    ) -> Option<T> {
        let value = read(self, key);
        if self.lacking {
            let issue = Issue::new(
                self.pointer(key),
                IssueCode::MissingField,
                format!("`{key}` is required"),
            );
            self.collector
                .push(issue.with_help(format!("add \"{key}\" to the object")));
        }
        value
    }

    pub(crate) fn text<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, ParseError>,
    ) -> Option<T> {
        let value = self.value(key)?;
        let at = Key {
            object: &self.at,
            key,
        };
        text(value, at, self.collector, parse)
    }

    pub(crate) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let flag = value.as_bool();
        if flag.is_none() {
            let issue = Issue::new(
                self.pointer(key),
                IssueCode::WrongType,
                mismatch("true or false", value),
            );
            self.collector
                .push(issue.with_help("write true or false, without quotes"));
        }
        flag
    }

    pub(crate) fn integer<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(i128) -> Result<T, ParseError>,
    ) -> Option<T> {
        let value = self.value(key)?;
        let number = value
            .as_i64()
            .map(i128::from)
            .or_else(|| value.as_u64().map(i128::from));
        let Some(number) = number else {
            self.push_number_mismatch(self.pointer(key), "a whole number", value);
            return None;
        };
        self.keep(key, parse(number))
    }

    pub(crate) fn number<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(f64) -> Result<T, ParseError>,
    ) -> Option<T> {
        let value = self.value(key)?;
        let Some(number) = value.as_f64() else {
            self.push_number_mismatch(self.pointer(key), "a number", value);
            return None;
        };
        self.keep(key, parse(number))
    }

    /// A list of texts. Entries that were refused are missing.
    pub(crate) fn texts<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, ParseError>,
    ) -> Vec<Entry<T>> {
        self.list(key, |value, at, collector| text(value, at, collector, &parse))
    }

    pub(crate) fn list<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&Value, At, &mut Collector) -> Option<T>,
    ) -> Vec<Entry<T>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Value::Array(entries) = value else {
            let issue = Issue::new(self.pointer(key), IssueCode::WrongType, mismatch("a list", value));
            self.collector.push(match value {
                Value::String(text) => issue.with_help(format!("write [{}]", quoted(text))),
                _ => issue.with_help("write [ ... ]"),
            });
            return Vec::new();
        };
        if entries.len() > MAX_ENTRIES {
            self.push_too_many(self.pointer(key), entries.len());
            return Vec::new();
        }
        entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| {
                let object = Rc::clone(&self.at);
                let at = At { object, key, index };
                read(entry, at.clone(), self.collector).map(|value| Entry { at, value })
            })
            .collect()
    }

    /// The members of an object whose keys are data; for each the key, the value and the pointer.
    pub(crate) fn entries(&mut self, key: &'static str) -> Vec<(&'v str, &'v Value, String)> {
        let Some((value, at)) = self.take(key) else {
            return Vec::new();
        };
        let Value::Object(object) = value else {
            let issue = Issue::new(at, IssueCode::WrongType, mismatch("an object", value));
            self.collector
                .push(issue.with_help("write {\"NAME\": \"value\"}"));
            return Vec::new();
        };
        if object.len() > MAX_ENTRIES {
            self.push_too_many(at, object.len());
            return Vec::new();
        }
        object
            .iter()
            .map(|(name, value)| (name.as_str(), value, format!("{at}/{}", escaped(name))))
            .collect()
    }

    pub(crate) fn report(&mut self, issues: impl IntoIterator<Item = Issue>) {
        issues.into_iter().for_each(|issue| self.collector.push(issue));
    }

    pub(crate) const fn collector(&mut self) -> &mut Collector {
        self.collector
    }

    /// Reports every key that was never asked for.
    pub(crate) fn finish(self) {
        if self.present == self.object.len() {
            return;
        }
        for key in self
            .object
            .keys()
            .filter(|key| !self.known.contains(&key.as_str()))
        {
            let pointer = format!("{}/{}", self.at, escaped(key));
            let message = format!("unknown field `{}`", bare(key));
            let issue = Issue::new(pointer, IssueCode::UnknownField, message);
            let issue = issue.at_key().with_severity(Severity::Warning);
            let proposal = if self.collector.is_full() {
                None
            } else {
                nearest(key, self.known.iter().copied())
            };
            self.collector.push(match proposal {
                Some(name) => issue.with_help(format!("did you mean `{name}`?")),
                None => issue,
            });
        }
    }

    fn keep<T>(&mut self, key: &'static str, result: Result<T, ParseError>) -> Option<T> {
        result
            .map_err(|error| self.collector.push(Issue::refused(self.pointer(key), &error)))
            .ok()
    }

    fn pointer(&self, key: &str) -> String {
        format!("{}/{key}", self.at)
    }

    fn push_number_mismatch(&mut self, at: String, expected: &str, found: &Value) {
        let issue = Issue::new(at, IssueCode::WrongType, mismatch(expected, found));
        let unquoted = found
            .as_str()
            .filter(|text| text.len() < 20 && text.parse::<f64>().is_ok());
        self.collector.push(match unquoted {
            Some(number) => issue.with_help(format!("write {number} without quotes")),
            None => issue,
        });
    }

    fn push_too_many(&mut self, at: String, count: usize) {
        let message = format!("{count} entries, at most {MAX_ENTRIES} are allowed");
        self.collector.push(Issue::new(at, IssueCode::TooMany, message));
    }
}

/// Reads one text.
pub(crate) fn text<T>(
    value: &Value,
    at: impl Into<String>,
    collector: &mut Collector,
    parse: impl FnOnce(&str) -> Result<T, ParseError>,
) -> Option<T> {
    let Value::String(found) = value else {
        let issue = Issue::new(at, IssueCode::WrongType, mismatch("a string", value));
        collector.push(match value {
            Value::Number(_) | Value::Bool(_) => issue.with_help(format!("write \"{value}\" in quotes")),
            _ => issue,
        });
        return None;
    };
    parse(found)
        .map_err(|error| collector.push(Issue::refused(at, &error)))
        .ok()
}

/// "expected ..., found ...", naming the found value as far as it is short.
pub(crate) fn mismatch(expected: &str, found: &Value) -> String {
    match found {
        Value::Null => format!("expected {expected}, found null"),
        Value::Bool(_) | Value::Number(_) => format!("expected {expected}, found {found}"),
        Value::String(text) => format!("expected {expected}, found the string {}", quoted(text)),
        Value::Array(_) => format!("expected {expected}, found a list"),
        Value::Object(_) => format!("expected {expected}, found an object"),
    }
}

/// A key as a token of a JSON pointer.
pub(crate) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
