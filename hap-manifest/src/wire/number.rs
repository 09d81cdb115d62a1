//! Integers that a reader of JSON would change.

/// Digits of the shortest integers that 64 bits may not hold.
const DIGITS: usize = 19;

/// Returns where in a JSON text the first integer begins that 64 bits do not hold, as an offset in
/// bytes: below -2^63, or 2^64 and more. `None` where there is none.
///
/// Readers of JSON make a float of such a number, and its last digits are lost. Whoever hands JSON
/// on refuses it instead; its sender writes it as a string. What is written with a point or an
/// exponent is a float from the start, and is not meant. Whether the text is JSON is not looked at.
///
/// ```
/// use hap_manifest::wire::oversized_integer;
///
/// assert_eq!(oversized_integer(br#"{"id": 18446744073709551615}"#), None);
/// assert_eq!(oversized_integer(br#"{"id": 18446744073709551616}"#), Some(7));
/// assert_eq!(oversized_integer(br#"{"id": "18446744073709551616"}"#), None);
/// ```
#[must_use]
pub fn oversized_integer(json: &[u8]) -> Option<usize> {
    // Hardly any text has so many digits in a row, and then nothing else is looked at.
    has_many_digits(json).then(|| first_oversized(json)).flatten()
}

/// Whether there are [`DIGITS`] digits in a row. One of each so many bytes is looked at: a longer row
/// covers one of them.
fn has_many_digits(text: &[u8]) -> bool {
    let mut at = DIGITS - 1;
    while let Some(byte) = text.get(at) {
        if byte.is_ascii_digit() {
            let (before, after) = text.split_at(at);
            let is_digit = |byte: &&u8| byte.is_ascii_digit();
            let row =
                before.iter().rev().take_while(is_digit).count() + after.iter().take_while(is_digit).count();
            if row >= DIGITS {
                return true;
            }
        }
        at += DIGITS;
    }
    false
}

fn first_oversized(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at = string_end(text, at),
            b'-' | b'0'..=b'9' => {
                let rest = text.get(at..).unwrap_or_default();
                let length = rest.iter().take_while(|byte| is_of_number(**byte)).count();
                if is_oversized(rest.get(..length).unwrap_or_default()) {
                    return Some(at);
                }
                at += length;
            }
            _ => at += 1,
        }
    }
    None
}

/// Behind the string that begins here.
fn string_end(text: &[u8], begin: usize) -> usize {
    let mut at = begin + 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

const fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
}

fn is_oversized(number: &[u8]) -> bool {
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    // All of it is ASCII.
    let text = std::str::from_utf8(number).unwrap_or_default();
    text.parse::<u64>().is_err() && text.parse::<i64>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_64_bits_hold_passes_and_one_more_is_found_where_it_is() {
        for fits in [
            "18446744073709551615",
            "-9223372036854775808",
            "9223372036854775808",
            "0",
            "-0",
            "18446744073709551616.0",
            "1e300",
            "0.12345678901234567890123",
            "12345678901234567890123e-3",
            r#""18446744073709551616""#,
            r#"{"18446744073709551616": "\"18446744073709551616"}"#,
            r#"["\\", 5, "99999999999999999999999"]"#,
            "",
            "99999999999999999999999x",
        ] {
            let text = format!("[{fits}]");
            let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            assert_eq!(
                oversized_integer(text.as_bytes()),
                (!is_json).then_some(1),
                "{fits}"
            );
        }
        for (text, at) in [
            ("18446744073709551616", 0),
            ("-9223372036854775809", 0),
            ("  [1, 99999999999999999999]", 6),
            (
                r#"{"a": "9999999999999999999999", "b": -99999999999999999999}"#,
                37,
            ),
            (r#"["\"", 100000000000000000000, "]"#, 7),
        ] {
            assert_eq!(oversized_integer(text.as_bytes()), Some(at), "{text}");
        }
    }

    #[test]
    fn it_is_found_wherever_it_begins() {
        for before in 0..64 {
            for digits in [20, 21, 40] {
                let text = format!(
                    "[{}{},{}]",
                    " ".repeat(before),
                    "9".repeat(digits),
                    " ".repeat(30)
                );
                assert_eq!(oversized_integer(text.as_bytes()), Some(before + 1));
            }
        }
    }
}
