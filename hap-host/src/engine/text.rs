//! Texts that a stranger had a hand in, made fit to be shown.
//!
//! What an engine, an image or a plugin says ends up in terminals, in log files and in pages of the
//! embedder's. These functions are the one place where such a text loses what could steer a
//! terminal, forge a line, turn the direction of writing or go on without end.

/// Longest line of an error or of a build, in characters.
pub(crate) const LINE_CHARS: usize = 2_000;
/// Lines of one text.
const LINES: usize = 64;
/// Stands where a text was cut.
const CUT: &str = "...";
/// Stands before each line of a text but the first, so that none of them passes for a line of the
/// log that the text is written to.
const INDENT: &str = "  ";

/// Returns a text in one line of at most so many characters.
///
/// Tabs and line breaks become spaces. Whatever else could steer becomes U+FFFD: an escape sequence
/// loses its beginning and is seen.
pub(crate) fn line(text: &str, characters: usize) -> String {
    let mut shown: String = text.chars().take(characters).map(shown).collect();
    if text.chars().nth(characters).is_some() {
        shown.push_str(CUT);
    }
    shown
}

/// Returns a text of several lines, each as [`line`] shows it. The text of a text is the same.
pub(crate) fn block(text: &str) -> String {
    let mut lines = text.trim_end().split('\n');
    let mut block = line(without_return(lines.next().unwrap_or_default()), LINE_CHARS);
    for next in lines.by_ref().take(LINES - 1) {
        let next = without_return(next);
        block.push('\n');
        block.push_str(INDENT);
        block.push_str(&line(next.strip_prefix(INDENT).unwrap_or(next), LINE_CHARS));
    }
    if lines.next().is_some() {
        block.push('\n');
        block.push_str(INDENT);
        block.push_str(CUT);
    }
    block
}

fn without_return(line: &str) -> &str {
    line.strip_suffix('\r').unwrap_or(line)
}

fn shown(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' => ' ',
        c if steers(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

/// Whether a character is no part of a text but does something to it: control characters, those
/// that turn the direction of writing or begin a line, and tags, which nobody sees.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sets the title of a terminal, clears it, and writes over the line.
    const HOSTILE: &str = "a\u{1b}]0;pwned\u{7}b\u{1b}[2Jc\rd\u{9b}1me\u{202e}f\u{2028}g\u{e0041}";

    #[test]
    fn nothing_in_a_line_steers_a_terminal_and_what_was_there_is_seen() {
        assert_eq!(
            line(HOSTILE, 100),
            "a\u{fffd}]0;pwned\u{fffd}b\u{fffd}[2Jc d\u{fffd}1me\u{fffd}f\u{fffd}g\u{fffd}"
        );
        assert_eq!(line("a\tb\nc", 100), "a b c");
        assert_eq!(line("gr\u{fc}n \u{1f4a1}", 100), "gr\u{fc}n \u{1f4a1}");
    }

    #[test]
    fn a_line_is_cut_and_says_so() {
        assert_eq!(line("abcdef", 3), "abc...");
        assert_eq!(line("abc", 3), "abc");
    }

    #[test]
    fn a_text_of_several_lines_is_bounded_and_none_but_its_first_begins_a_line_of_the_log() {
        assert_eq!(block("a\r\nb\n  c\n"), "a\n  b\n  c");
        let long = "x\n".repeat(1_000_000);
        let shown = block(&long);
        assert_eq!(shown.lines().count(), LINES + 1);
        assert!(shown.ends_with("\n  ..."));
        let wide = block(&format!("a\n{}", "x".repeat(1_000_000)));
        assert!(wide.len() < 3_000, "{}", wide.len());
        for text in [HOSTILE, &long, &wide, "", "a\nb"] {
            assert_eq!(block(&block(text)), block(text), "cleaned once is cleaned");
        }
    }
}
