//! Numbers, as JSON writes them.

use super::explain::Mistake;

/// Characters up to which a number without an exponent is finite: the largest has 309 digits.
const SURELY_FINITE: usize = 300;

/// Returns where the number that begins at `start` ends.
pub(super) fn number_end(text: &str, start: usize) -> Result<usize, Mistake> {
    let bytes = text.as_bytes();
    let byte = |at: usize| bytes.get(at).copied();
    let digits = |from: usize| {
        let mut at = from;
        while byte(at).is_some_and(|b| b.is_ascii_digit()) {
            at += 1;
        }
        at
    };
    let refuse = |help: &str| {
        let message = "the number is not written as JSON writes it";
        Err(Mistake::new(start..whole(bytes, start), message).with_help(help))
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
    let mut exponential = false;
    if matches!(byte(end), Some(b'e' | b'E')) {
        exponential = true;
        let sign = usize::from(matches!(byte(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent == end + 1 + sign {
            return refuse("a digit must follow the exponent's 'e'");
        }
        end = exponent;
    }
    if byte(end).is_some_and(is_part) {
        return refuse("a number has digits, '.', and an exponent such as e3; anything else goes in quotes");
    }
    let doubtful = exponential || end - start > SURELY_FINITE;
    let finite = || {
        text.get(start..end)
            .is_some_and(|number| number.parse::<f64>().is_ok_and(f64::is_finite))
    };
    if doubtful && !finite() {
        return Err(Mistake::new(start..end, "the number is too large"));
    }
    Ok(end)
}

/// Returns whether a byte looks like a part of a number at a glance.
const fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_')
}

/// Returns where the number seems to end at a glance, to show it whole in a message.
fn whole(bytes: &[u8], start: usize) -> usize {
    start
        + bytes
            .iter()
            .skip(start)
            .take_while(|byte| is_part(**byte))
            .count()
}
