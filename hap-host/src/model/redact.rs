use std::{borrow::Cow, collections::BTreeSet, fmt};

use hap_manifest::wire::WireError;
use serde_json::Value;

use super::failure::Failure;
use crate::engine::text;

/// What stands where a secret was.
pub(crate) const REDACTED: &str = "[REDACTED]";

/// Shorter texts are not looked for: they are part of ordinary words, and no secrets.
const SHORTEST: usize = 4;

/// Takes a plugin's secrets out of texts that it had a hand in: its output, its refusals.
///
/// It looks for the values as they are. What a plugin encodes or splits first is not recognised.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    /// The longest first, so that a secret within another does not leave the rest of it behind.
    values: Vec<String>,
}

impl Redactor {
    pub(crate) fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut values = BTreeSet::new();
        for secret in secrets.into_iter().filter(|secret| secret.len() >= SHORTEST) {
            // As it stands in a text that was made fit to be shown before it came here.
            values.insert(text::line(&secret, text::LINE_CHARS));
            values.insert(text::block(&secret));
            values.insert(secret);
        }
        let mut values = Vec::from_iter(values);
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self { values }
    }

    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut clean = Cow::Borrowed(text);
        for value in &self.values {
            if clean.contains(value.as_str()) {
                clean = Cow::Owned(clean.replace(value.as_str(), REDACTED));
            }
        }
        clean
    }

    pub(crate) fn owned(&self, text: String) -> String {
        match self.text(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(clean) => clean,
        }
    }

    /// Cleans every text in a value, keys included.
    pub(crate) fn value(&self, value: Value) -> Value {
        if self.values.is_empty() {
            return value;
        }
        match value {
            Value::String(text) => Value::String(self.owned(text)),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(members) => members
                .into_iter()
                .map(|(key, member)| (self.owned(key), self.value(member)))
                .collect(),
            // A number may be a secret too, such as a door's code.
            other @ Value::Number(_) if self.values.contains(&other.to_string()) => REDACTED.into(),
            other => other,
        }
    }

    /// A text without secrets, fit to be shown in several lines.
    pub(crate) fn block(&self, text: &str) -> String {
        text::block(&self.text(text))
    }

    /// A text without secrets, fit to be shown in one line.
    pub(crate) fn line(&self, text: &str, characters: usize) -> String {
        // Cut afterwards, or what is left of a secret would not be recognised.
        text::line(&self.text(text), characters)
    }

    /// Cleans every text of a failure, and makes each fit to be shown.
    pub(crate) fn failure(&self, failure: Failure) -> Failure {
        let mut clean = failure;
        clean.message = self.block(&clean.message);
        clean.hint = clean.hint.map(|hint| self.block(&hint));
        for line in &mut clean.last_lines {
            *line = self.line(line, text::LINE_CHARS);
        }
        if let Some(exit) = &mut clean.exit {
            exit.error = self.block(&exit.error);
        }
        clean
    }

    /// Cleans every text and value of a refusal.
    pub(crate) fn wire(&self, wire: WireError) -> WireError {
        let mut clean = wire;
        clean.error = self.owned(clean.error);
        clean.code = clean.code.map(|code| self.owned(code));
        clean.details = clean.details.map(|details| self.value(details));
        let extra = std::mem::take(&mut clean.extra);
        if let Value::Object(extra) = self.value(Value::Object(extra)) {
            clean.extra = extra;
        }
        clean
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor")
            .field("secrets", &self.values.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{engine::observed::Exit, model::failure::FailureCause};

    fn redactor(secrets: &[&str]) -> Redactor {
        Redactor::new(secrets.iter().map(|&secret| secret.to_owned()))
    }

    #[test]
    fn secrets_go_from_texts_wherever_they_stand() {
        let redactor = redactor(&["hunter2", "hunter2-and-more", ""]);
        assert_eq!(
            redactor.text("a=hunter2, b=hunter2-and-more; hunter"),
            "a=[REDACTED], b=[REDACTED]; hunter"
        );
        let value = json!({"x": ["hunter2", {"hunter2": 1}], "y": 7, "z": null});
        assert_eq!(
            redactor.value(value),
            json!({"x": ["[REDACTED]", {"[REDACTED]": 1}], "y": 7, "z": null})
        );
        assert!(!format!("{redactor:?}").contains("hunter2"));
    }

    #[test]
    fn short_texts_are_left_alone_and_a_number_may_be_a_secret() {
        let redactor = redactor(&["on", "4711"]);
        assert_eq!(redactor.text("turned on"), "turned on");
        assert_eq!(redactor.value(json!([4711, 47112])), json!(["[REDACTED]", 47112]));
    }

    #[test]
    fn a_failure_is_cleaned_in_all_its_parts() {
        let exit = Exit {
            error: "no hunter2".to_owned(),
            ..Exit::code(1)
        };
        let mut failure = Failure::new(FailureCause::Exited, "hunter2 does not fit")
            .with_exit(&exit)
            .with_hint("not hunter2");
        failure.last_lines = vec!["got hunter2".to_owned(), "done".to_owned()];
        let clean = redactor(&["hunter2"]).failure(failure);
        assert!(!format!("{clean:?}").contains("hunter2"), "{clean:?}");
        assert_eq!(clean.message, "[REDACTED] does not fit");
        assert_eq!(clean.last_lines, ["got [REDACTED]", "done"]);
    }

    #[test]
    fn nothing_in_a_failure_steers_a_terminal_and_secrets_of_several_lines_go_all_the_same() {
        let hostile = "a\u{1b}]0;pwned\u{7}b";
        let exit = Exit {
            error: hostile.to_owned(),
            ..Exit::code(1)
        };
        let mut failure = Failure::new(FailureCause::Exited, hostile)
            .with_exit(&exit)
            .with_hint(hostile);
        failure.last_lines = vec![hostile.to_owned(), "x".repeat(1_000_000)];
        let clean = redactor(&[]).failure(failure);
        let shown = format!("{clean} {}", clean.exit.as_ref().unwrap().error);
        assert!(!shown.contains(['\u{1b}', '\u{7}']), "{shown:?}");
        assert_eq!(
            shown.matches("a\u{fffd}]0;pwned\u{fffd}b").count(),
            4,
            "{shown:?}"
        );
        assert!(shown.len() < 3_000);

        let key = "-----BEGIN-----\nabc\n\u{1b}def";
        let redactor = redactor(&[key]);
        for text in [key.to_owned(), text::block(key), text::line(key, 100)] {
            assert_eq!(redactor.text(&text), REDACTED, "{text:?}");
        }
    }

    #[test]
    fn a_refusal_is_cleaned_in_all_its_parts() {
        let mut wire = WireError::new("hunter2 is too short")
            .with_code("hunter2")
            .with_details(json!({"got": "hunter2"}));
        wire.extra.insert("echo".to_owned(), json!("hunter2"));
        let clean = redactor(&["hunter2"]).wire(wire);
        assert!(!format!("{clean:?}").contains("hunter2"), "{clean:?}");
    }
}
