//! What may be told of what was sent: to its sender, and in the log.

use std::borrow::Cow;

use crate::decode::expected;

const UNTAGGED: &str = "data did not match any variant of untagged enum ";
const UNKNOWN_VARIANT: &str = "unknown variant `";
const NUMERIC_KEY: &str = "invalid value: expected key to be a number in quotes";
const UNFIT_SECRET: &str = "the secret value does not fit";

/// A message of serde in plain words and without the value it found: it may be a password, and refusals end up in logs.
///
/// Only a number out of range is kept: it has the right type, and is what the message is about.
pub(crate) fn without_value(message: &str) -> String {
    let message = without_position(message);
    match Mismatched::read(message) {
        Some(mismatched) => {
            let expected = mismatched.expected();
            format!("expected {expected}, found {}", mismatched.found(true))
        }
        None if message.starts_with(UNTAGGED) => {
            "the value has none of the shapes that are allowed here".to_owned()
        }
        None if message.starts_with(UNKNOWN_VARIANT) => "no value is allowed here".to_owned(),
        None if message == NUMERIC_KEY => "the key has to be a number in quotes".to_owned(),
        None => message.to_owned(),
    }
}

/// What the log may tell of a message of serde: the kind of mistake, with the words of the program alone.
///
/// `None` for a message of another kind: an author has written it, and it may repeat what was sent.
pub(crate) fn for_log(message: &str) -> Option<String> {
    let message = without_position(message);
    if let Some(mismatched) = Mismatched::read(message) {
        let expected = mismatched.expected();
        return Some(format!("expected {expected}, found {}", mismatched.found(false)));
    }
    let told_as_it_is = ["missing field `", "duplicate field `", UNFIT_SECRET];
    if told_as_it_is.iter().any(|prefix| message.starts_with(prefix)) {
        return Some(message.to_owned());
    }
    if message == NUMERIC_KEY || message.starts_with(UNTAGGED) || message.starts_with(UNKNOWN_VARIANT) {
        return Some(without_value(message));
    }
    let unknown = message.strip_prefix("unknown field `")?;
    if message.ends_with("`, there are no fields") {
        return Some("unknown field".to_owned());
    }
    // The name is the sender's and may hold the same words, so the last ones count.
    let (_, known) = unknown.rsplit_once("`, expected ")?;
    Some(format!("unknown field, expected {known}"))
}

/// What to say of a value that is secret: nothing but what would have fitted.
pub(crate) fn of_secret(message: &str) -> String {
    match Mismatched::read(without_position(message)) {
        Some(Mismatched {
            kind: Kind::Type | Kind::Value,
            expected,
            ..
        }) => format!("{UNFIT_SECRET}, expected {}", expected::expected(expected)),
        _ => UNFIT_SECRET.to_owned(),
    }
}

/// A message of serde about a value of the wrong kind.
struct Mismatched<'a> {
    kind: Kind,
    found: &'a str,
    expected: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Type,
    Value,
    Length,
    Variant,
}

impl<'a> Mismatched<'a> {
    fn read(message: &'a str) -> Option<Self> {
        let kinds = [
            ("invalid type: ", Kind::Type),
            ("invalid value: ", Kind::Value),
            ("invalid length ", Kind::Length),
            (UNKNOWN_VARIANT, Kind::Variant),
        ];
        if message.ends_with("`, there are no variants") {
            return None;
        }
        let (rest, kind) = kinds
            .into_iter()
            .find_map(|(prefix, kind)| Some((message.strip_prefix(prefix)?, kind)))?;
        // The last one, since the value itself may hold the same words.
        let (found, expected) = rest.rsplit_once(", expected ")?;
        Some(Self {
            kind,
            found,
            expected,
        })
    }

    fn expected(&self) -> Cow<'a, str> {
        expected::expected(self.expected)
    }

    /// What was found; with numbers and an author's words where that is `for_sender`.
    fn found(&self, for_sender: bool) -> Cow<'a, str> {
        match self.kind {
            Kind::Variant => return "another value".into(),
            Kind::Length => return format!("a length of {}", self.found).into(),
            Kind::Type | Kind::Value => {}
        }
        // Serde names the kind and then quotes: string "x", integer `5`.
        let (kind, value) = self
            .found
            .split_at(self.found.find(['"', '`']).unwrap_or(self.found.len()));
        match kind.trim_end() {
            "integer" | "floating point" if for_sender && self.kind == Kind::Value => {
                value.trim_matches('`').into()
            }
            kind => match expected::found(kind) {
                Some(plain) => plain.into(),
                // An author's word for it.
                None if for_sender => kind.into(),
                None => "another value".into(),
            },
        }
    }
}

/// The path says where; a line and column within what a program has written helps nobody.
fn without_position(message: &str) -> &str {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match message.rsplit_once(" at line ") {
        // A value that was sent may hold such words too, and is not to be cut.
        Some((reason, position))
            if position
                .split_once(" column ")
                .is_some_and(|(line, column)| is_number(line) && is_number(column)) =>
        {
            reason
        }
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_goes_and_what_helps_stays() {
        for (message, told) in [
            (
                r#"invalid type: string "hunter2", expected u16"#,
                "expected a whole number from 0 to 65535, found a string",
            ),
            (
                r#"invalid type: string "a, expected b", expected u16 at line 1 column 9"#,
                "expected a whole number from 0 to 65535, found a string",
            ),
            (
                "invalid type: integer `271828`, expected a string",
                "expected a string, found a whole number",
            ),
            (
                "invalid type: null, expected f64",
                "expected a number, found null",
            ),
            (
                r#"invalid value: string "hunter2", expected x"#,
                "expected x, found a string",
            ),
            (
                "invalid value: integer `300`, expected u8",
                "expected a whole number from 0 to 255, found 300",
            ),
            (
                "unknown variant `hunter2`, expected `on` or `off`",
                "expected `on` or `off`, found another value",
            ),
            (
                "missing field `level` at line 1 column 2",
                "missing field `level`",
            ),
            (
                r#"invalid type: string "hunter2 at line 3", expected f32"#,
                "expected a number, found a string",
            ),
            (
                "unknown variant `a, expected hunter2`, there are no variants",
                "no value is allowed here",
            ),
            ("300 is more than 100", "300 is more than 100"),
        ] {
            assert_eq!(without_value(message), told);
        }
    }

    #[test]
    fn the_log_has_the_kind_of_mistake_and_nothing_that_was_sent() {
        for (message, told) in [
            (
                "invalid value: integer `271828`, expected u8",
                Some("expected a whole number from 0 to 255, found a whole number"),
            ),
            (
                r#"invalid type: string "hunter2", expected u8 at line 1 column 2"#,
                Some("expected a whole number from 0 to 255, found a string"),
            ),
            (
                "unknown variant `hunter2`, expected `on` or `off`",
                Some("expected `on` or `off`, found another value"),
            ),
            ("missing field `level`", Some("missing field `level`")),
            (
                "unknown field `hunter2`, expected `a` or `b`",
                Some("unknown field, expected `a` or `b`"),
            ),
            (
                "unknown field `hunter2`, expected `hunter2`, expected one of `a`, `b`, `c`",
                Some("unknown field, expected one of `a`, `b`, `c`"),
            ),
            (
                "unknown field `hunter2`, there are no fields",
                Some("unknown field"),
            ),
            (
                "unknown field `a`, expected `hunter2`, there are no fields",
                Some("unknown field"),
            ),
            (
                "unknown variant `a`, expected `hunter2`, there are no variants",
                Some("no value is allowed here"),
            ),
            (
                "invalid value: the word hunter2, expected another",
                Some("expected another, found another value"),
            ),
            (
                "the secret value does not fit, expected a string",
                Some("the secret value does not fit, expected a string"),
            ),
            ("hunter2 is too short", None),
        ] {
            assert_eq!(for_log(message).as_deref(), told);
        }
    }

    #[test]
    fn of_a_secret_only_what_was_expected_is_told() {
        for (message, told) in [
            (
                r#"invalid type: string "hunter2", expected u16"#,
                "the secret value does not fit, expected a whole number from 0 to 65535",
            ),
            (
                "invalid value: integer `300`, expected u8",
                "the secret value does not fit, expected a whole number from 0 to 255",
            ),
            (
                "unknown variant `hunter2`, expected `on` or `off`",
                "the secret value does not fit",
            ),
            (
                "hunter2 is too short, expected more",
                "the secret value does not fit",
            ),
        ] {
            assert_eq!(of_secret(message), told);
        }
    }
}
