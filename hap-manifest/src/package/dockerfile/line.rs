//! Physical lines joined to logical ones.

use super::step::DockerfileFault;

/// An instruction on one line.
#[derive(Debug)]
pub(super) struct LogicalLine {
    /// Number of its first line, from 1.
    pub(super) number: usize,
    pub(super) text: String,
    /// A comment or an empty line lies between its parts: older engines and newer ones join them,
    /// and are about to stop doing so.
    pub(super) interrupted: bool,
}

/// Joins continued lines, and drops comments and empty lines.
pub(super) fn logical_lines(text: &str) -> Result<Vec<LogicalLine>, DockerfileFault> {
    let mut lines = Vec::new();
    let mut open: Option<LogicalLine> = None;
    for (index, line) in text.split('\n').enumerate() {
        let number = index + 1;
        let line = line.strip_suffix('\r').unwrap_or(line);
        let bare = line.trim_start_matches([' ', '\t']);
        if bare.starts_with('#') {
            check_directive(number, bare)?;
            if let Some(open) = &mut open {
                open.interrupted = true;
            }
            continue;
        }
        if bare.is_empty() {
            if let Some(open) = &mut open {
                open.interrupted = true;
            }
            continue;
        }
        let end = line.trim_end_matches([' ', '\t']);
        let (part, continues) = match end.strip_suffix('\\') {
            Some(part) if part.ends_with('\\') => {
                let rule = "it ends with two backslashes, which engines read in different ways: end it with one or none";
                return Err(DockerfileFault { line: number, rule });
            }
            Some(part) => (part, true),
            None => (line, false),
        };
        let mut whole = open.take().unwrap_or_else(|| LogicalLine {
            number,
            text: String::new(),
            interrupted: false,
        });
        whole.text.push_str(part);
        if continues {
            open = Some(whole);
        } else {
            lines.push(whole);
        }
    }
    // The last line of a file may end with a backslash.
    lines.extend(open);
    lines.retain(|line| !line.text.trim().is_empty());
    Ok(lines)
}

/// Comments by which an engine reads the rest in another way. Engines heed them at the top alone;
/// refusing them everywhere leaves no question where the top ends.
fn check_directive(number: usize, comment: &str) -> Result<(), DockerfileFault> {
    let Some((name, value)) = comment.trim_start_matches('#').split_once('=') else {
        return Ok(());
    };
    let rule = match name.trim().to_ascii_lowercase().as_str() {
        "syntax" => "`# syntax=` names a program that reads the Dockerfile: leave it out",
        "escape" if value.trim() != "\\" => "`# escape=` changes how lines are joined: leave it out",
        _ => return Ok(()),
    };
    Err(DockerfileFault { line: number, rule })
}
