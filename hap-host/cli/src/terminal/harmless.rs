/// A text of somebody else's, so that it cannot steer a terminal: what would is replaced, but line breaks and tabs.
pub(crate) fn harmless(text: &str) -> String {
    let shown = |c: char| {
        if (c.is_control() && !matches!(c, '\n' | '\t')) || is_unseen(c) {
            '\u{fffd}'
        } else {
            c
        }
    };
    text.chars().map(shown).collect()
}

/// Characters that turn the direction of what is around them.
const fn is_unseen(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_plugin_says_steers_the_terminal() {
        let shown = harmless("a\u{1b}]0;x\u{7}b\r\u{9b}2J\u{202e}c\n\td");
        assert_eq!(shown, "a\u{fffd}]0;x\u{fffd}b\u{fffd}\u{fffd}2J\u{fffd}c\n\td");
    }
}
