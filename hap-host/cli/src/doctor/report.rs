use std::fmt::Write as _;

use super::check::{Finding, Health};
use crate::terminal::{BAD, DIM, GOOD, HINT, WARNING, harmless};

/// The width that a report keeps to.
const WIDTH: usize = 80;
/// Where sentences begin: behind the word and the id.
const INDENT: usize = 12;

/// Lays findings out for people: a heading for each group, a line for each finding, and what mends it below.
pub(crate) fn report(findings: &[Finding]) -> String {
    let mut out = String::new();
    let mut group = None;
    for finding in findings {
        if group != Some(finding.group) {
            if group.is_some() {
                out.push('\n');
            }
            group = Some(finding.group);
            // A string takes everything.
            let _ = writeln!(out, "{}", finding.group);
        }
        line(&mut out, finding);
    }
    let _ = write!(out, "\n{}", sum(findings));
    out
}

fn line(out: &mut String, finding: &Finding) {
    let (style, word) = match finding.health {
        Health::Ok => (GOOD, finding.health.word()),
        Health::Warn => (WARNING, finding.health.word()),
        Health::Fix => (BAD, finding.health.word()),
        Health::Unknown => (DIM, finding.health.word()),
    };
    // Engines, hosts, files and networks say things in here.
    let sentence = harmless(&finding.sentence).replace(['\n', '\t'], " ");
    let first = WIDTH.saturating_sub(INDENT + finding.id.len() + ": ".len());
    let mut lines = wrapped(&sentence, first, WIDTH - INDENT).into_iter();
    let _ = writeln!(
        out,
        "  {style}{word:<8}{style:#}  {}{DIM}: {DIM:#}{}",
        finding.id,
        lines.next().unwrap_or_default()
    );
    for more in lines {
        let _ = writeln!(out, "{:INDENT$}{more}", "");
    }
    if let Some(fix) = &finding.fix {
        // A command is not broken: it is to be copied.
        let _ = writeln!(
            out,
            "{:INDENT$}{HINT}{}{HINT:#}",
            "",
            harmless(fix).replace('\n', " ")
        );
    }
}

/// Breaks a sentence between words.
fn wrapped(text: &str, first: usize, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let room = if lines.len() == 1 { first } else { width };
        let Some(line) = lines.last_mut() else { continue };
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
            lines.push(word.to_owned());
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines
}

fn sum(findings: &[Finding]) -> String {
    let count = |health| findings.iter().filter(|finding| finding.health == health).count();
    let (fix, warn, unknown) = (count(Health::Fix), count(Health::Warn), count(Health::Unknown));
    let unknown = match unknown {
        0 => String::new(),
        unknown => format!(", {unknown} not known"),
    };
    match (fix, warn) {
        (0, 0) => format!("{GOOD}nothing to mend{GOOD:#}{unknown}"),
        (0, warn) => format!("{WARNING}{warn} to look at{WARNING:#}, none to mend{unknown}"),
        (fix, warn) => format!(
            "{BAD}{fix} to mend{BAD:#}, {warn} to look at{unknown}; `hap doctor --explain ID` says more"
        ),
    }
}
