use std::io::{self, IsTerminal as _};

use super::harmless::harmless;

/// Between two columns.
const GAP: usize = 2;

/// Columns of text. The last one takes what is left of the terminal's width, and is cut there.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(heads: [&str; N]) -> Self {
        Self {
            rows: vec![heads.map(str::to_owned).to_vec()],
        }
    }

    /// Adds a row. Its texts may be somebody else's.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        let cells = cells.map(|cell| harmless(&cell).replace(['\n', '\t'], " "));
        self.rows.push(cells.to_vec());
    }

    /// Returns it as it is shown: as wide as the terminal, or whole where there is none or `whole` says so.
    pub(crate) fn shown(&self, whole: bool) -> String {
        let width = (!whole && io::stdout().is_terminal())
            .then(|| rustix::termios::tcgetwinsize(io::stdout()).ok())
            .flatten()
            .map(|size| usize::from(size.ws_col))
            .filter(|columns| *columns > 0);
        self.within(width)
    }

    fn within(&self, width: Option<usize>) -> String {
        let columns = self.rows.first().map_or(0, Vec::len);
        let widest = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(widest).collect();
        let lines: Vec<String> = self.rows.iter().map(|row| line(row, &widths, width)).collect();
        lines.join("\n")
    }
}

fn line(row: &[String], widths: &[usize], most: Option<usize>) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        line.push_str(cell);
        let used = cell.chars().count();
        line.extend(std::iter::repeat_n(' ', width + GAP - used));
    }
    let line = line.trim_end();
    match most {
        Some(most) if line.chars().count() > most => {
            let kept: String = line.chars().take(most.saturating_sub(1)).collect();
            format!("{}\u{2026}", kept.trim_end())
        }
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other_and_the_last_is_cut_at_the_width() {
        let mut table = Table::new(["ID", "STATE", "PROBLEM"]);
        table.row(["a".into(), "healthy".into(), String::new()]);
        table.row(["longer".into(), "failed".into(), "it has\u{1b}[2J\nended".into()]);
        assert_eq!(
            table.within(None),
            "ID      STATE    PROBLEM\na       healthy\nlonger  failed   it has\u{fffd}[2J ended"
        );
        assert_eq!(
            table.within(Some(22)),
            "ID      STATE    PROB\u{2026}\na       healthy\nlonger  failed   it h\u{2026}"
        );
    }
}
