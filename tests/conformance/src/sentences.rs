//! The sentences of the protocol, by their ids.

/// One line for each: its id, a space, and the sentence. A test compares it with the page on the protocol.
const ALL: &str = include_str!("sentences.txt");

/// Returns a sentence of the protocol by its id, such as `P-HEALTH-1`.
///
/// ```
/// let sentence = hap_conformance::sentence("P-HEALTH-1").unwrap();
/// assert!(sentence.starts_with("Any 2xx means healthy"));
/// ```
#[must_use]
pub fn sentence(id: &str) -> Option<&'static str> {
    let mut all = ALL.lines().filter_map(|line| line.split_once(' '));
    all.find(|(found, _)| *found == id).map(|(_, text)| text)
}
