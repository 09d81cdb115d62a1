//! An error's chain in one line.

use std::error::Error as StdError;

use super::text;

/// Between the parts of a message.
const JOINT: &str = ": ";

/// Joins an error's chain for a log.
pub(crate) fn report(error: &dyn StdError) -> String {
    let mut text = text::block(&error.to_string());
    let mut next = error.source();
    while let Some(source) = next {
        let said = text::block(&source.to_string());
        let added = news(&text, &said);
        if !added.is_empty() {
            text.push_str(JOINT);
            text.push_str(&added);
        }
        next = source.source();
    }
    text
}

/// Returns an error whose words, and whose sources' words, are fit to be shown: the same one where
/// they are, otherwise only its words.
pub(crate) fn shown_source(error: Box<dyn StdError + Send + Sync>) -> Box<dyn StdError + Send + Sync> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(&*error);
    while let Some(part) = next {
        let said = part.to_string();
        if text::block(&said) != said.trim_end() {
            return report(&*error).into();
        }
        next = part.source();
    }
    error
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_kept_where_it_is_clean_and_reduced_to_clean_words_where_it_is_not() {
        let clean = shown_source(std::io::Error::other("so it is\n").into());
        assert!(clean.is::<std::io::Error>());
        let hostile = shown_source(std::io::Error::other("a\u{1b}[2Jb").into());
        assert!(!hostile.is::<std::io::Error>());
        assert_eq!(hostile.to_string(), "a\u{fffd}[2Jb");
    }
}
