//! Rules for texts that people read.

use super::error::{ParseError, quoted, too_long};
use super::schema::MAX_LINE;

/// Checks a text that is shown in one line and is not blank.
pub(crate) fn line(what: &'static str, text: &str) -> Result<String, ParseError> {
    if text.trim().is_empty() {
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
    in_order(what, text)
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
    in_order(what, text)
}

/// Returns whether a character changes the direction in which the text after it is read.
pub(crate) const fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Refuses characters that turn the direction of writing: beside other texts they make a line read
/// as something that it does not say.
fn in_order(what: &'static str, text: &str) -> Result<(), ParseError> {
    if text.chars().any(turns_direction) {
        let rule = "it has a character that turns the direction of writing";
        return Err(ParseError::new(what, quoted(text), rule).with_help("remove that character"));
    }
    Ok(())
}
