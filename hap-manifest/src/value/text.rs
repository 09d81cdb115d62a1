//! Rules for texts that people read.

use super::error::{ParseError, quoted, too_long};
use super::schema::MAX_LINE;
use super::stored::later_rules_hold;
use super::unseen::is_hidden;

/// Checks a text that is shown in one line and is not blank.
pub(crate) fn line(what: &'static str, text: &str) -> Result<String, ParseError> {
    let blank = |c: char| {
        if later_rules_hold() {
            is_blank(c)
        } else {
            c.is_whitespace()
        }
    };
    if text.chars().all(blank) {
        return Err(ParseError::new(what, quoted(text), "it is empty")
            .with_help("write something that can be seen, or remove it if it is optional"));
    }
    one_line(what, text)
}

/// Checks a text that is shown in one line and may be empty.
pub(crate) fn one_line(what: &'static str, text: &str) -> Result<String, ParseError> {
    in_line(what, text)?;
    let length = text.chars().count();
    if length > MAX_LINE {
        let rule = too_long(length, "characters", MAX_LINE);
        return Err(ParseError::new(what, quoted(text), rule));
    }
    Ok(text.to_owned())
}

/// Checks a text without a line break, of any length.
pub(crate) fn in_line(what: &'static str, text: &str) -> Result<(), ParseError> {
    if text.chars().any(char::is_control) {
        let rule = "it has a line break or another control character";
        return Err(ParseError::new(what, quoted(text), rule).with_help("write it in one line"));
    }
    all_seen(what, text)
}

/// Checks a text of several lines, of any length.
pub(crate) fn lines(what: &'static str, text: &str) -> Result<(), ParseError> {
    // A character that controls a terminal could rewrite the text around it.
    let steers = |c: &char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if let Some(found) = text.chars().find(steers) {
        let rule = format!("it has the control character {found:?}");
        return Err(ParseError::new(what, quoted(text), rule)
            .with_help("remove it; only tabs and line breaks are allowed"));
    }
    all_seen(what, text)
}

/// Returns whether a character changes the direction in which the text after it is read.
pub(crate) const fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// White space, and the pattern of braille that has no dot.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{2800}'
}

/// The symbols and pictures among which most emoji are, none of them a letter.
const fn is_symbol(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{27bf}' | '\u{2900}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

/// Asks for the colour form of the symbol before it.
const IN_COLOUR: char = '\u{fe0f}';
/// Makes one picture of the symbols on its sides.
const JOINER: char = '\u{200d}';

/// Refuses characters that are not seen, alone or by what they do to a line: with them two texts
/// look the same, or one reads as something that it does not say.
///
/// The two that emoji are put together with are part of them, behind a symbol and between two.
fn all_seen(what: &'static str, text: &str) -> Result<(), ParseError> {
    let (mut after_symbol, mut after_colour) = (false, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let joins = match c {
            IN_COLOUR => after_symbol,
            JOINER => (after_symbol || after_colour) && chars.peek().is_some_and(|next| is_symbol(*next)),
            _ => false,
        };
        if is_hidden(c) && !joins && (later_rules_hold() || turns_direction(c)) {
            let rule = if turns_direction(c) {
                "it has a character that turns the direction of writing".to_owned()
            } else {
                format!("it has the character U+{:04X}, which is not seen", u32::from(c))
            };
            return Err(ParseError::new(what, quoted(text), rule).with_help("remove that character"));
        }
        (after_symbol, after_colour) = (is_symbol(c), c == IN_COLOUR);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_shows_something_and_hides_nothing() {
        for hidden in [
            "\u{200b}",
            "Porch\u{200b} light",
            "\u{3164}",
            "a\u{2028}b",
            "\u{200e}light",
            "light\u{e0041}\u{e007f}",
            "pay\u{200d}pal",
            "a\u{fe0f}",
            "\u{1f4a1}\u{fe0f}\u{fe0f}",
            "\u{1f468}\u{200d}",
            "\u{200d}\u{1f468}",
            "\u{1f468}\u{200d}\u{200d}\u{1f469}",
            "so\u{ad}ft",
        ] {
            let error = line("name", hidden).unwrap_err();
            assert!(
                error.to_string().contains("which is not seen"),
                "{hidden:?}: {error}"
            );
            lines("description", hidden).unwrap_err();
        }
        for blank in ["", " ", "\u{a0}\u{3000}", "\u{2800}"] {
            let error = line("name", blank).unwrap_err();
            assert!(error.to_string().contains("it is empty"), "{blank:?}: {error}");
        }
        for seen in [
            "Porch light",
            "\u{1f4a1}",
            "Love \u{2764}\u{fe0f}",
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
            "\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}",
            "\u{44f}, \u{4e2d}\u{6587}, \u{e9}, e\u{301}, \u{5e9}\u{5dc}",
        ] {
            line("name", seen).unwrap();
            lines("description", seen).unwrap();
        }
    }
}
