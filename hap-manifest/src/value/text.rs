//! Rules for texts that people read.

use super::error::{ParseError, quoted};
use super::schema::MAX_LINE;

/// A text that is shown in one line, with something to see in it.
pub(crate) fn line(what: &'static str, text: &str) -> Result<String, ParseError> {
    if text.trim().is_empty() {
        return Err(ParseError::new(what, quoted(text), "it is empty")
            .with_help("write something that can be seen, or remove it if it is optional"));
    }
    one_line(what, text)
}

/// A text that is shown in one line, and may be empty.
pub(crate) fn one_line(what: &'static str, text: &str) -> Result<String, ParseError> {
    in_line(what, text)?;
    let length = text.chars().count();
    if length > MAX_LINE {
        let rule = format!("it has {length} characters, at most {MAX_LINE} are allowed");
        return Err(ParseError::new(what, quoted(text), rule));
    }
    Ok(text.to_owned())
}

/// A text without a line break, of any length.
pub(crate) fn in_line(what: &'static str, text: &str) -> Result<(), ParseError> {
    if text.chars().any(char::is_control) {
        let rule = "it has a line break or another control character";
        return Err(ParseError::new(what, quoted(text), rule).with_help("write it in one line"));
    }
    in_order(what, text)
}

/// A text of several lines, of any length.
pub(crate) fn lines(what: &'static str, text: &str) -> Result<(), ParseError> {
    // One that steers a terminal would rewrite what stands around it.
    let steers = |c: &char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if let Some(found) = text.chars().find(steers) {
        let rule = format!("it has the control character {found:?}");
        return Err(ParseError::new(what, quoted(text), rule)
            .with_help("remove it; only tabs and line breaks are allowed"));
    }
    in_order(what, text)
}

/// Whether a character makes what follows it read in another order than it is written in.
pub(crate) const fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Shown beside other texts, characters that turn the direction would make a line read as something else than it says.
fn in_order(what: &'static str, text: &str) -> Result<(), ParseError> {
    if text.chars().any(turns_direction) {
        let rule = "it has a character that turns the direction of writing";
        return Err(ParseError::new(what, quoted(text), rule).with_help("remove that character"));
    }
    Ok(())
}
