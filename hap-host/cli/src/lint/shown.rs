/// A text of a stranger's, so that it cannot steer a terminal: control characters, and such as turn the direction of a
/// line or are not seen, are written out.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => out.push(c),
            c => out.extend(c.escape_debug()),
        }
    }
    out
}

/// The same within quotes, and cut.
pub(crate) fn quoted(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("\"{}...\"", shown(text.get(..end).unwrap_or_default())),
        None => format!("\"{}\"", shown(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_that_steers_it() {
        let text = shown("a\u{1b}[2J\r\n\u{202e}b\u{200b}c\u{9b}\"ä\\");
        assert_eq!(text, "a\\u{1b}[2J\\r\\n\\u{202e}b\\u{200b}c\\u{9b}\"ä\\");
        assert!(quoted(&"x".repeat(500)).len() < 70);
    }
}
