//! [`read`]: from bytes to a value, or to everything that is wrong.

use serde::de::DeserializeOwned;

use super::error::DocumentError;
use super::refusal::Kind;
use super::value::{Memory, Source};
use crate::diagnostics::{
    collector::Collector, encoding, issue_code::IssueCode, place::Place, report::Issue, text::duplicates,
    text::not_json,
};
use crate::json::document::Document;

/// Most bytes of a document.
const MAX_BYTES: usize = 1 << 20;
/// Most values that are refused before the rest is left unread.
const MOST_REFUSED: usize = 100;

/// Rules of a document that its type does not hold by itself, broken.
#[derive(Debug, Default)]
pub struct Rules {
    issues: Vec<Issue>,
}

impl Rules {
    /// Reports a value that breaks a rule: the JSON pointer to it, such as `/restart/max_delay`, the
    /// rule, and what to write instead.
    pub fn refuse(&mut self, pointer: &str, rule: impl Into<String>, help: impl Into<String>) {
        let issue = Issue::new(pointer, IssueCode::InvalidValue, rule);
        self.issues.push(issue.with_help(help));
    }
}

/// Reads a document of at most 1 MiB.
///
/// # Errors
/// Lists everything that is wrong with the text, each problem with its place.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DocumentError> {
    read_with(bytes, |_, _| ())
}

/// Reads a document, and applies rules to it that its type does not hold by itself.
///
/// They are asked when each value by itself is right.
///
/// ```
/// use hap_manifest::document;
///
/// #[derive(Debug, serde::Deserialize)]
/// struct Range {
///     low: u32,
///     high: u32,
/// }
///
/// let text = br#"{"low": 5, "high": 3}"#;
/// let error = document::read_with::<Range>(text, |range, rules| {
///     if range.high < range.low {
///         rules.refuse("/high", "it is below `low`", "raise it, or lower `low`");
///     }
/// });
/// assert_eq!(error.unwrap_err().issues()[0].column(), Some(20));
/// ```
///
/// # Errors
/// As [`read`], and whatever the rules refuse.
pub fn read_with<T: DeserializeOwned>(
    bytes: &[u8],
    rules: impl FnOnce(&T, &mut Rules),
) -> Result<T, DocumentError> {
    let alone = |issue| DocumentError::new(vec![issue]);
    if bytes.len() > MAX_BYTES {
        let message = format!("it has {} bytes, at most {MAX_BYTES} are allowed", bytes.len());
        return Err(alone(Issue::new("", IssueCode::TooLarge, message)));
    }
    let text = encoding::decode(bytes).map_err(alone)?;
    let document = Document::read(text).map_err(|mistake| {
        let place = Place::of(text, &mistake.span);
        alone(not_json(mistake).at_place(place))
    })?;
    let mut collector = Collector::default();
    duplicates(text, &document, &mut collector);
    let memory = Memory::default();
    let value = attempts(&document, &memory);
    memory
        .issues
        .take()
        .into_iter()
        .for_each(|issue| collector.push(issue));
    if let Some(value) = value.as_ref().filter(|_| !collector.refused()) {
        let mut broken = Rules::default();
        rules(value, &mut broken);
        broken.issues.into_iter().for_each(|issue| collector.push(issue));
    }
    match value {
        Some(value) if !collector.refused() => Ok(value),
        _ => {
            let issues = collector.into_issues().into_iter();
            let mut issues: Vec<_> = issues.map(|issue| issue.located(text, &document)).collect();
            // What is not listed comes last.
            issues.sort_by_key(|issue| (issue.code() == IssueCode::MoreIssues, issue.place()));
            Err(DocumentError::new(issues))
        }
    }
}

/// Reads again and again, each time without what was refused before, until nothing is.
fn attempts<T: DeserializeOwned>(document: &Document<'_>, memory: &Memory) -> Option<T> {
    for _ in 0..MOST_REFUSED {
        let source = Source {
            node: document.root(),
            memory,
        };
        let refusal = match T::deserialize(source) {
            Ok(value) => return Some(value),
            Err(refusal) => refusal,
        };
        let pointer = refusal.pointer.clone().unwrap_or_default();
        // A key that was there and was refused is not missing.
        let is_known = match refusal.kind {
            Kind::Missing(key) => memory.refused.borrow().contains(&format!("{pointer}/{key}")),
            _ => false,
        };
        if !is_known {
            memory.issues.borrow_mut().push(refusal.into_issue());
        }
        if pointer.is_empty() || !memory.refused.borrow_mut().insert(pointer) {
            return None;
        }
    }
    None
}
