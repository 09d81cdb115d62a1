//! [`Fields`]: reads the members of a JSON object, collecting issues instead of stopping at the
//! first.

use super::limits::MAX_ENTRIES;
use crate::diagnostics::{
    collector::Collector, issue_code::IssueCode, report::Issue, report::Severity, suggest::meant,
    text::mismatch,
};
use crate::json::members::Members;
use crate::json::node::Node;
use crate::json::pointer::escaped;
use crate::value::error::{ParseError, bare, quoted};
use crate::value::number::whole;

/// A value that was read from an entry of a list, with that entry.
#[derive(Debug)]
pub(crate) struct Entry<'d, T> {
    pub(crate) at: Node<'d>,
    pub(crate) value: T,
}

impl<T> Entry<'_, T> {
    pub(crate) fn values(entries: Vec<Self>) -> Vec<T> {
        entries.into_iter().map(|entry| entry.value).collect()
    }

    /// Returns the values without those that came before.
    pub(crate) fn distinct(entries: Vec<Self>) -> Vec<T>
    where
        T: PartialEq,
    {
        let mut values = Vec::with_capacity(entries.len());
        for entry in entries {
            if !values.contains(&entry.value) {
                values.push(entry.value);
            }
        }
        values
    }
}

pub(crate) struct Fields<'d, 'c> {
    members: Members<'d>,
    known: Vec<&'static str>,
    /// How many of the known keys the object has.
    present: usize,
    /// Whether the key that was asked for last is absent.
    lacking: bool,
    collector: &'c mut Collector,
}

impl<'d, 'c> Fields<'d, 'c> {
    /// Begins to read `value`; reports an issue and returns `None` if it is no object.
    pub(crate) fn of(value: Node<'d>, collector: &'c mut Collector) -> Option<Self> {
        let Some(members) = Members::of(value) else {
            let issue = Issue::new(value, IssueCode::WrongType, mismatch("an object", value));
            collector.push(if value.is_list() && value.len() == 1 {
                issue.with_help("remove the [ and ] around it")
            } else {
                issue.with_help("write {\"key\": value}")
            });
            return None;
        };
        Some(Self {
            members,
            known: Vec::with_capacity(value.len()),
            present: 0,
            lacking: false,
            collector,
        })
    }

    /// Returns the value of a key. An explicit `null` is the same as an absent key.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Node<'d>> {
        self.known.push(key);
        let value = self.members.get(key);
        self.present += usize::from(value.is_some());
        let value = value.filter(|value| !value.is_null());
        self.lacking = value.is_none();
        value
    }

    /// Accepts a key that is for other programs.
    pub(crate) fn pass(&mut self, key: &'static str) {
        self.known.push(key);
        self.present += usize::from(self.members.get(key).is_some());
    }

    /// Reads a field with a default, as [`required`](Self::required) does. Returns `None` only if
    /// the value was refused, so that no rule is applied to a default in its place.
    pub(crate) fn or_default<T>(
        &mut self,
        key: &'static str,
        default: impl FnOnce() -> T,
        read: impl FnOnce(&mut Self, &'static str) -> Option<T>,
    ) -> Option<T> {
        let value = read(self, key);
        if self.lacking { Some(default()) } else { value }
    }

    /// Reads a field by one of the readers below, which asks for this key alone, and reports its
    /// absence.
    pub(crate) fn required<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Self, &'static str) -> Option<T>,
    ) -> Option<T> {
        let value = read(self, key);
        if self.lacking {
            let pointer = format!("{}/{key}", self.members.object());
            let message = format!("`{key}` is required");
            let issue = Issue::new(pointer, IssueCode::MissingField, message);
            let is_null = self.members.object().get(key).is_some();
            self.collector.push(if is_null {
                issue.with_help("write a value in the place of null")
            } else {
                issue.with_help(format!("add \"{key}\" to the object"))
            });
        }
        value
    }

    pub(crate) fn text<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, ParseError>,
    ) -> Option<T> {
        let value = self.take(key)?;
        text(value, self.collector, parse)
    }

    pub(crate) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let value = self.take(key)?;
        let flag = value.flag();
        if flag.is_none() {
            let issue = Issue::new(value, IssueCode::WrongType, mismatch("true or false", value));
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
        let value = self.take(key)?;
        let number = value.number().as_ref().and_then(whole);
        let Some(number) = number else {
            self.push_number_mismatch("a whole number", value);
            return None;
        };
        self.keep(value, parse(number))
    }

    pub(crate) fn number<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(f64) -> Result<T, ParseError>,
    ) -> Option<T> {
        let value = self.take(key)?;
        let Some(number) = value.number().and_then(|number| number.as_f64()) else {
            self.push_number_mismatch("a number", value);
            return None;
        };
        self.keep(value, parse(number))
    }

    /// Reads a list of texts. Refused entries are left out.
    pub(crate) fn texts<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, ParseError>,
    ) -> Vec<Entry<'d, T>> {
        self.list(key, |value, collector| text(value, collector, &parse))
    }

    pub(crate) fn list<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(Node<'d>, &mut Collector) -> Option<T>,
    ) -> Vec<Entry<'d, T>> {
        let Some(list) = self.take(key) else {
            return Vec::new();
        };
        if !list.is_list() {
            let issue = Issue::new(list, IssueCode::WrongType, mismatch("a list", list));
            self.collector.push(match list.text() {
                Some(text) => issue.with_help(format!("write [{}]", listed(&text))),
                None => issue.with_help("write [ ... ]"),
            });
            return Vec::new();
        }
        if self.has_too_many(list) {
            return Vec::new();
        }
        let mut entries = Vec::with_capacity(list.len());
        for at in list.children() {
            if let Some(value) = read(at, self.collector) {
                entries.push(Entry { at, value });
            }
        }
        entries
    }

    /// Returns the members of an object whose keys are data.
    pub(crate) fn entries(&mut self, key: &'static str) -> Option<Node<'d>> {
        let object = self.take(key)?;
        if !object.is_object() {
            let issue = Issue::new(object, IssueCode::WrongType, mismatch("an object", object));
            self.collector
                .push(issue.with_help("write {\"NAME\": \"value\"}"));
            return None;
        }
        (!self.has_too_many(object)).then_some(object)
    }

    pub(crate) fn report(&mut self, issues: impl IntoIterator<Item = Issue>) {
        issues.into_iter().for_each(|issue| self.collector.push(issue));
    }

    pub(crate) const fn collector(&mut self) -> &mut Collector {
        self.collector
    }

    /// Reports every key that was never asked for.
    pub(crate) fn finish(self) {
        let object = self.members.object();
        if self.present == object.len() {
            return;
        }
        let at = object.pointer();
        for member in object.children() {
            let key = member.key();
            if self.known.contains(&&*key) {
                continue;
            }
            if self.collector.is_full() {
                self.collector.leave_out(Severity::Warning);
                continue;
            }
            let pointer = format!("{at}/{}", escaped(&key));
            let message = format!("unknown field `{}`", bare(&key));
            let issue = Issue::new(pointer, IssueCode::UnknownField, message);
            let issue = issue.at_key().with_severity(Severity::Warning);
            self.collector.push(match meant(&key, &self.known) {
                Some(name) => issue.with_help(format!("did you mean `{name}`?")),
                None => issue,
            });
        }
    }

    fn keep<T>(&mut self, value: Node<'d>, result: Result<T, ParseError>) -> Option<T> {
        result
            .map_err(|error| self.collector.push(Issue::refused(value, &error)))
            .ok()
    }

    fn push_number_mismatch(&mut self, expected: &str, found: Node<'d>) {
        let issue = Issue::new(found, IssueCode::WrongType, mismatch(expected, found));
        let unquoted = found
            .text()
            .filter(|text| text.len() < 20 && text.parse::<f64>().is_ok());
        self.collector.push(match unquoted {
            Some(number) => issue.with_help(format!("write {number} without quotes")),
            None if found.is_number() => issue.with_help("write it without a fraction"),
            None => issue.with_help(format!("write {expected}, without quotes and unit")),
        });
    }

    fn has_too_many(&mut self, found: Node<'d>) -> bool {
        let count = found.len();
        if count <= MAX_ENTRIES {
            return false;
        }
        let message = format!("{count} entries, at most {MAX_ENTRIES} are allowed");
        self.collector
            .push(Issue::new(found, IssueCode::TooMany, message));
        true
    }
}

/// Reads one text.
pub(crate) fn text<T>(
    value: Node<'_>,
    collector: &mut Collector,
    parse: impl FnOnce(&str) -> Result<T, ParseError>,
) -> Option<T> {
    let Some(found) = value.text() else {
        let issue = Issue::new(value, IssueCode::WrongType, mismatch("a string", value));
        collector.push(if value.is_number() || value.flag().is_some() {
            let plain = value.to_value().to_string();
            let quoted = format!("write \"{plain}\" in quotes");
            // The value may need more than quotes.
            match parse(&plain).err().as_ref().and_then(ParseError::help) {
                Some(help) => issue.with_help(help),
                None => issue.with_help(quoted),
            }
        } else if value.is_null() {
            issue.with_help("write a text in quotes, or leave it out")
        } else {
            issue.with_help("write one text in quotes")
        });
        return None;
    };
    parse(&found)
        .map_err(|error| collector.push(Issue::refused(value, &error)))
        .ok()
}

/// Writes a text as the list that it seems to mean.
fn listed(text: &str) -> String {
    let parts: Vec<_> = text.split(',').map(|part| quoted(part.trim())).collect();
    if text.contains('\n') || parts.len() > 8 {
        quoted(text)
    } else {
        parts.join(", ")
    }
}
