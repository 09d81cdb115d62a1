//! Names and paths that were sent, as a line of the log may repeat them.

/// Longest name that a line of the log repeats.
const MAX_NAME: usize = 64;
/// Longest text that a line of the log repeats.
const MAX_SHOWN: usize = 128;

/// A name that was sent, for the log; `None` where it has not the shape of one.
pub(crate) fn printable_name(text: &str) -> Option<&str> {
    let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (!text.is_empty() && text.len() <= MAX_NAME && text.chars().all(fit)).then_some(text)
}

/// A path or name that was sent, as the log shows it: bounded, and of characters that mean nothing
/// to a terminal.
pub(crate) fn printable(text: &str) -> String {
    let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '[' | ']' | '/');
    let mut shown: String = text
        .chars()
        .take(MAX_SHOWN)
        .map(|c| if fit(c) { c } else { '?' })
        .collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths_in_the_log_are_short_and_harmless() {
        assert_eq!(printable_name("turn_on"), Some("turn_on"));
        for text in ["", "turn on", "a\u{1b}[2J", "ä", &"x".repeat(65)] {
            assert_eq!(printable_name(text), None, "{text:?}");
        }
        assert_eq!(printable("params.scenes[1].room"), "params.scenes[1].room");
        assert_eq!(printable("params.a b\n\u{1b}"), "params.a?b??");
        assert_eq!(printable(&"ä".repeat(500)).len(), MAX_SHOWN + 3);
    }
}
