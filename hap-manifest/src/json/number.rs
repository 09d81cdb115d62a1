//! Numbers, as JSON writes them.

use super::explain::Mistake;

/// Where the number that begins at `start` ends.
pub(super) fn number_end(text: &str, start: usize) -> Result<usize, Mistake> {
    let bytes = text.as_bytes();
    let digits = |from: usize| from + bytes.iter().skip(from).take_while(|b| b.is_ascii_digit()).count();
    let byte = |at: usize| bytes.get(at).copied();
    // What a careless eye takes for the whole number, to show it in a message.
    let is_part = |b: &&u8| b.is_ascii_alphanumeric() || matches!(**b, b'+' | b'-' | b'.' | b'_');
    let whole = start + bytes.iter().skip(start).take_while(is_part).count();
    let refuse = |help: &str| {
        Err(
            Mistake::new(start..whole, "the number is not written as JSON writes it")
                .with_help(help.to_owned()),
        )
    };

    let first = if byte(start) == Some(b'-') {
        start + 1
    } else {
        start
    };
    let mut end = digits(first);
    if end == first {
        return refuse("a digit must follow '-'");
    }
    if byte(first) == Some(b'0') && end > first + 1 {
        return refuse("remove the leading zeros");
    }
    if byte(end) == Some(b'.') {
        let fraction = digits(end + 1);
        if fraction == end + 1 {
            return refuse("a digit must follow '.'");
        }
        end = fraction;
    }
    if matches!(byte(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(byte(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent == end + 1 + sign {
            return refuse("a digit must follow the exponent's 'e'");
        }
        end = exponent;
    }
    if end < whole {
        return refuse("a number has digits, '.', and an exponent such as e3; anything else goes in quotes");
    }
    let finite = text
        .get(start..end)
        .is_some_and(|number| number.parse::<f64>().is_ok_and(f64::is_finite));
    if finite {
        Ok(end)
    } else {
        Err(Mistake::new(start..end, "the number is too large"))
    }
}
