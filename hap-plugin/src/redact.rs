//! What a message of serde may tell of the value it is about.

/// The message without the value it found: it may be a password, and refusals end up in logs.
///
/// Only a number out of range is kept: it has the right type, and is what the message is about.
pub(crate) fn without_value(message: &str) -> String {
    for (prefix, numbers) in [("invalid type: ", false), ("invalid value: ", true)] {
        let Some((found, expected)) = message.strip_prefix(prefix).and_then(split) else {
            continue;
        };
        // Serde names the kind and then quotes: string "x", integer `5`.
        let kind = found.split(['"', '`']).next().unwrap_or_default().trim_end();
        return if numbers && matches!(kind, "integer" | "floating point") {
            format!("{prefix}{found}{expected}")
        } else {
            format!("{prefix}{kind}{expected}")
        };
    }
    match message.strip_prefix("unknown variant `").and_then(split) {
        Some((_, expected)) => format!("unknown variant{expected}"),
        None => without_position(message).to_owned(),
    }
}

/// What to say of a value that is secret: nothing but what would have fitted.
pub(crate) fn of_secret(message: &str) -> String {
    let told = ["invalid type: ", "invalid value: "];
    let told = told.iter().find_map(|prefix| message.strip_prefix(prefix));
    let expected = told.and_then(split).map(|(_, expected)| expected);
    format!("the secret value does not fit{}", expected.unwrap_or_default())
}

/// What was found, and `, expected ...`: the last one, since the value itself may hold the same words.
fn split(message: &str) -> Option<(&str, &str)> {
    let (found, expected) = message.split_at_checked(message.rfind(", expected ")?)?;
    Some((found, without_position(expected)))
}

/// The path says where; a line and column within what a program has written helps nobody.
fn without_position(message: &str) -> &str {
    match message.rsplit_once(" at line ") {
        Some((reason, position)) if position.starts_with(|c: char| c.is_ascii_digit()) => reason,
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
                "invalid type: string, expected u16",
            ),
            (
                r#"invalid type: string "a, expected b", expected u16 at line 1 column 9"#,
                "invalid type: string, expected u16",
            ),
            (
                "invalid type: integer `271828`, expected a string",
                "invalid type: integer, expected a string",
            ),
            (
                "invalid type: null, expected u8",
                "invalid type: null, expected u8",
            ),
            (
                r#"invalid value: string "hunter2", expected x"#,
                "invalid value: string, expected x",
            ),
            (
                "invalid value: integer `300`, expected u8",
                "invalid value: integer `300`, expected u8",
            ),
            (
                "unknown variant `hunter2`, expected `on` or `off`",
                "unknown variant, expected `on` or `off`",
            ),
            (
                "missing field `level` at line 1 column 2",
                "missing field `level`",
            ),
            ("300 is more than 100", "300 is more than 100"),
        ] {
            assert_eq!(without_value(message), told);
        }
    }

    #[test]
    fn of_a_secret_only_what_was_expected_is_told() {
        for (message, told) in [
            (
                r#"invalid type: string "hunter2", expected u16"#,
                "the secret value does not fit, expected u16",
            ),
            (
                "invalid value: integer `300`, expected u8",
                "the secret value does not fit, expected u8",
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
