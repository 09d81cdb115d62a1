//! An error's chain in one line.

use std::error::Error as StdError;

/// Between the parts of a message.
const JOINT: &str = ": ";

/// Joins an error's chain for a log.
pub(crate) fn report(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let said = source.to_string();
        let added = news(&text, &said);
        if !added.is_empty() {
            text.push_str(JOINT);
            text.push_str(&added);
        }
        next = source.source();
    }
    text
}

/// What a source adds to what was said: many a library puts its own source's words, or its
/// caller's, into its message.
fn news(told: &str, said: &str) -> String {
    let said = said.trim();
    if told.contains(said) {
        return String::new();
    }
    let (told, parts) = (
        Vec::from_iter(told.split(JOINT)),
        Vec::from_iter(said.split(JOINT)),
    );
    let is_told = |run: &[&str]| told.windows(run.len()).any(|window| window == run);
    let mut rest = parts.as_slice();
    // The longest run first.
    if let Some((_, new)) = (1..rest.len())
        .rev()
        .filter_map(|at| rest.split_at_checked(at))
        .find(|(known, _)| is_told(known))
    {
        rest = new;
    }
    if let Some((new, _)) = (1..rest.len())
        .filter_map(|at| rest.split_at_checked(at))
        .find(|(_, known)| is_told(known))
    {
        rest = new;
    }
    rest.join(JOINT)
}
