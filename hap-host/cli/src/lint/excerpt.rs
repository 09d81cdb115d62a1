use std::fmt::Write as _;

use super::shown::shown;

/// Most characters of a line that are drawn.
const WINDOW: usize = 100;

/// Where in a file something is: the line, and the part of it, counted from 1 in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) width: usize,
}

impl Spot {
    /// All of a line.
    pub(crate) fn of_line(text: &str, line: usize) -> Self {
        let source = line_of(text, line);
        let blank = source.chars().take_while(|c| c.is_whitespace()).count();
        Self {
            line,
            column: blank + 1,
            width: source.trim().chars().count().max(1),
        }
    }

    /// A part of a line, or all of it where the part is not there.
    pub(crate) fn of_part(text: &str, line: usize, part: &str) -> Self {
        let source = line_of(text, line);
        match source.find(part).filter(|_| !part.is_empty()) {
            Some(at) => Self {
                line,
                column: source.get(..at).unwrap_or_default().chars().count() + 1,
                width: part.chars().count(),
            },
            None => Self::of_line(text, line),
        }
    }

    /// The first place of a text that has this part.
    pub(crate) fn find(text: &str, part: &str) -> Option<Self> {
        let line = text.lines().position(|line| line.contains(part))?;
        Some(Self::of_part(text, line + 1, part))
    }
}

fn line_of(text: &str, line: usize) -> &str {
    text.lines().nth(line.saturating_sub(1)).unwrap_or_default()
}

/// Draws a line with a part of it underlined, as issues of manifests are drawn.
pub(crate) fn draw(text: &str, spot: Spot) -> String {
    let source = line_of(text, spot.line);
    let skipped = match spot.column + spot.width > WINDOW {
        true => spot.column.saturating_sub(40),
        false => 0,
    };
    let part = |from: usize, most: usize| -> String {
        let plain: String = source.chars().skip(from).take(most).collect();
        shown(&plain.replace('\t', " "))
    };
    let before = part(skipped, (spot.column - 1).saturating_sub(skipped));
    let inside = part(spot.column - 1, spot.width.min(WINDOW));
    let after = part(
        spot.column - 1 + spot.width.min(WINDOW),
        WINDOW.saturating_sub(before.chars().count()),
    );
    let dots = if skipped > 0 { "..." } else { "" };
    let gutter = spot.line.to_string();
    let margin = " ".repeat(gutter.len());
    let indent = " ".repeat(dots.len() + before.chars().count());
    let marks = "^".repeat(inside.chars().count().max(1));
    let mut out = String::new();
    // A string takes everything.
    let _ = write!(
        out,
        "{margin} |\n{gutter} | {dots}{before}{inside}{after}\n{margin} | {indent}{marks}"
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_line_is_underlined_and_nothing_steers_the_terminal() {
        let text = "FROM scratch\n\tCMD ä \u{1b}[2J curl\n";
        let spot = Spot::find(text, "curl").unwrap();
        assert_eq!((spot.line, spot.column), (2, 13));
        assert_eq!(
            draw(text, spot),
            "  |\n2 |  CMD ä \\u{1b}[2J curl\n  |                  ^^^^"
        );
    }

    #[test]
    fn long_lines_are_cut_and_missing_ones_do_no_harm() {
        let text = format!("{}x{}", "a".repeat(500), "b".repeat(500));
        let drawn = draw(&text, Spot::find(&text, "x").unwrap());
        assert!(drawn.lines().all(|line| line.len() < 220), "{drawn}");
        let spot = Spot {
            line: 9,
            column: 5,
            width: 3,
        };
        assert!(draw("a", spot).contains('^'));
    }
}
