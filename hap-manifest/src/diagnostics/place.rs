//! [`Place`]: line and column, and the source line with a part of it underlined.

use std::fmt::Write as _;
use std::ops::Range;

use crate::value::unseen::is_hidden;

/// Most characters of a source line that are drawn.
const WINDOW: usize = 100;
/// Characters drawn before the underlined part of a longer line.
const LEAD: usize = 40;

/// Where in a text something lies. Line and column count from one, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
    /// Characters to underline on that line, at least one.
    width: u32,
}

impl Place {
    pub(crate) fn of(text: &str, span: &Range<usize>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let inside = text.get(span.clone()).unwrap_or_default();
        let first_line = inside.split(['\n', '\r']).next().unwrap_or_default();
        let count = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX - 1);
        let lines = before.bytes().filter(|byte| *byte == b'\n').count();
        Self {
            line: u32::try_from(lines).unwrap_or(u32::MAX - 1) + 1,
            column: count(before.get(line_start..).unwrap_or_default()) + 1,
            width: count(first_line).max(1),
        }
    }

    /// Draws the source line and the underline below it. Control characters are drawn as blanks or
    /// `\u{fffd}`, so a hostile text cannot steer a terminal.
    pub(crate) fn draw(self, text: &str, out: &mut String) {
        let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        let source = text.split('\n').nth(size(self.line - 1)).unwrap_or_default();
        let column = size(self.column - 1);
        let skipped = if column + size(self.width) > WINDOW {
            column.saturating_sub(LEAD)
        } else {
            0
        };
        let shown: String = source
            .trim_end_matches('\r')
            .chars()
            .skip(skipped)
            .take(WINDOW)
            .map(drawn)
            .collect();
        let prefix = if skipped > 0 { "..." } else { "" };
        let gutter = self.line.to_string();
        let margin = " ".repeat(gutter.len());
        let indent = " ".repeat(prefix.len() + column - skipped);
        let rest = shown.chars().count().saturating_sub(column - skipped).max(1);
        let marks = "^".repeat(size(self.width).min(rest));
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{margin} |\n{gutter} | {prefix}{shown}\n{margin} | {indent}{marks}"
        );
    }
}

fn drawn(c: char) -> char {
    match c {
        '\t' => ' ',
        // What has no width, such as the byte order mark, would draw everything after it one column
        // off.
        c if c.is_control() || is_hidden(c) => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, span: Range<usize>, expected: &str) {
        let mut out = String::new();
        Place::of(text, &span).draw(text, &mut out);
        assert_eq!(out, expected);
    }

    #[test]
    fn the_part_is_underlined_in_its_line() {
        check(
            "{\n\t\"id\": 5\r\n}",
            9..10,
            "  |\n2 |  \"id\": 5\n  |        ^\n",
        );
        check("äö \"x\"", 5..8, "  |\n1 | äö \"x\"\n  |    ^^^\n");
    }

    #[test]
    fn a_part_of_many_lines_is_underlined_in_its_first() {
        check("{\n}", 0..3, "  |\n1 | {\n  | ^\n");
    }

    #[test]
    fn the_end_of_the_text_is_a_place() {
        check("{", 1..1, "  |\n1 | {\n  |  ^\n");
        check("", 0..0, "  |\n1 | \n  | ^\n");
        check("{\n", 2..2, "  |\n2 | \n  | ^\n");
    }

    #[test]
    fn long_lines_are_cut_around_the_part() {
        let text = format!("{}\"x\"{}", " ".repeat(500), " ".repeat(500));
        let mut out = String::new();
        Place::of(&text, &(500..503)).draw(&text, &mut out);
        assert!(out.lines().all(|line| line.len() < 120), "{out}");
        assert!(out.contains("\"x\""), "{out}");
    }

    #[test]
    fn control_characters_are_not_drawn() {
        check("\u{1b}[2J", 0..1, "  |\n1 | \u{fffd}[2J\n  | ^\n");
    }

    #[test]
    fn another_text_than_the_one_read_does_no_harm() {
        let mut out = String::new();
        Place::of("a\nb\nc", &(4..5)).draw("short", &mut out);
        assert_eq!(out, "  |\n3 | \n  | ^\n");
    }
}
