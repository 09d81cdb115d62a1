//! A [`Consent`] as text for a terminal.

use std::fmt;

use super::changes::{ConsentChanges, Direction, LimitChange};
use super::consent::Consent;
use super::parts::{ConsentLimits, PermissionText, Publisher};
use super::words;
use crate::value::path::VolumePath;
use crate::value::unseen::is_hidden;

/// Most steps of a build that are shown; the others are counted.
const MOST_STEPS: usize = 20;
/// Longest line of what somebody else wrote, in characters.
const MOST_CHARS: usize = 160;

impl fmt::Display for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} {} ({})",
            shown(&self.name),
            shown(&self.version.to_string()),
            self.id
        )?;
        if let Some(publisher) = &self.publisher {
            writeln!(f, "{}.", shown(&format!("From {publisher}")))?;
        }
        if self.requested.is_empty() {
            writeln!(f, "\nThis plugin asks for nothing beyond what every plugin gets.")?;
        } else {
            writeln!(f, "\nThis plugin wants to")?;
        }
        for PermissionText {
            text, explanation, ..
        } in &self.requested
        {
            writeln!(f, "  - {}\n    {}", shown(text), shown(explanation))?;
        }
        if !self.build_steps.is_empty() {
            writeln!(f, "\nWhile it is installed, this is carried out on this computer")?;
        }
        for step in self.build_steps.iter().take(MOST_STEPS) {
            writeln!(f, "    {}", shown(step))?;
        }
        let more = self.build_steps.len().saturating_sub(MOST_STEPS);
        if more > 0 {
            writeln!(f, "    ... and {more} more")?;
        }
        let limits = limits(self.limits);
        if !limits.is_empty() || !self.volumes.is_empty() {
            writeln!(f)?;
        }
        if !limits.is_empty() {
            writeln!(f, "It may use up to {}.", listed(&limits))?;
        }
        if !self.volumes.is_empty() {
            writeln!(
                f,
                "It keeps data on this computer, as its {}.",
                paths(&self.volumes)
            )?;
        }
        match &self.changes {
            Some(changes) => write!(f, "\n{changes}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ConsentChanges {
    /// Plain lines for a terminal, as those of [`Consent`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = shown(&self.since.to_string());
        if self.is_empty() {
            return writeln!(f, "It asks for the same as version {since}.");
        }
        writeln!(f, "Compared with version {since}")?;
        if let Some(publisher) = &self.publisher_before {
            let line = shown(&format!("that version was from {publisher}"));
            writeln!(f, "  new   publisher: {line}")?;
        }
        for added in &self.added {
            writeln!(f, "  new   {}", shown(&added.text))?;
        }
        for removed in &self.removed {
            writeln!(f, "  gone  {}", shown(&removed.text))?;
        }
        for change in &self.limits {
            writeln!(f, "  {change}")?;
        }
        if !self.volumes_added.is_empty() {
            writeln!(f, "  new   keep data as its {}", paths(&self.volumes_added))?;
        }
        if !self.volumes_removed.is_empty() {
            writeln!(f, "  gone  keep data as its {}", paths(&self.volumes_removed))?;
        }
        Ok(())
    }
}

impl fmt::Display for LimitChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.direction {
            Direction::More => "more",
            Direction::Less => "less",
            Direction::Other => "new ",
        };
        let limit = if self.limit == "cpu" {
            "processor"
        } else {
            self.limit
        };
        let words =
            |limit: &Option<String>| limit.clone().unwrap_or_else(|| "what this host gives".to_owned());
        write!(
            f,
            "{word}  {limit}: {} -> {}",
            words(&self.before),
            words(&self.after)
        )
    }
}

impl fmt::Display for Publisher {
    /// Completes "from".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signed { number, .. } => {
                write!(f, "the holder of the key {number}, which this host trusts")
            }
            Self::Image { repository } => write!(f, "whoever may publish {repository}"),
            Self::Folder => f.write_str("a folder of this machine"),
            Self::Unsigned => f.write_str("somebody who has not signed it"),
        }
    }
}

fn limits(limits: ConsentLimits) -> Vec<String> {
    let memory = limits
        .memory
        .map(|limit| format!("{} of memory", words::of_memory(limit)));
    let rows = [
        memory,
        limits.cpu.map(words::of_cpu),
        limits.processes.map(words::of_processes),
    ];
    rows.into_iter().flatten().collect()
}

fn paths(paths: &[VolumePath]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| shown(path.as_str())).collect();
    listed(&paths)
}

/// "a, b and c".
fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The text in one line, without what steers a terminal or is not seen.
fn shown(text: &str) -> String {
    let harmless = |c: char| {
        if c.is_control() || is_hidden(c) {
            '\u{fffd}'
        } else {
            c
        }
    };
    let mut line: String = text.chars().take(MOST_CHARS).map(harmless).collect();
    if text.chars().nth(MOST_CHARS).is_some() {
        line.push_str("...");
    }
    line
}
