//! Issues that every JSON text may have, whatever is read from it.

use super::collector::Collector;
use super::issue_code::IssueCode;
use super::place::Place;
use super::report::Issue;
use crate::json::document::Document;
use crate::json::explain::Mistake;
use crate::json::node::Node;
use crate::value::error::quoted;

/// Most duplicate keys that are reported; each comes with its whole pointer.
const MAX_DUPLICATES: usize = 20;

/// Says why a text is not JSON.
pub(crate) fn not_json(mistake: Mistake) -> Issue {
    let issue = Issue::new(
        "",
        IssueCode::InvalidJson,
        format!("not valid JSON: {}", mistake.message),
    );
    match mistake.help {
        Some(help) => issue.with_help(help),
        None => issue,
    }
}

/// Reports keys that are given twice.
pub(crate) fn duplicates(text: &str, document: &Document<'_>, collector: &mut Collector) {
    for duplicate in document.duplicates(MAX_DUPLICATES) {
        let first = Place::of(text, &duplicate.first);
        let message = format!(
            "this key is already given on line {}, column {}",
            first.line, first.column
        );
        let issue = Issue::new(duplicate.pointer, IssueCode::DuplicateKey, message);
        collector.push(
            issue
                .with_help("remove one of the two")
                .at_place(Place::of(text, &duplicate.again)),
        );
    }
}

/// "expected ..., found ...", naming the found value as far as it is short.
pub(crate) fn mismatch(expected: &str, found: Node<'_>) -> String {
    if let Some(text) = found.text() {
        format!("expected {expected}, found the string {}", quoted(&text))
    } else if found.is_list() {
        format!("expected {expected}, found a list")
    } else if found.is_object() {
        format!("expected {expected}, found an object")
    } else {
        format!("expected {expected}, found {}", found.to_value())
    }
}
