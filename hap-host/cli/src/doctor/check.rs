//! A check: what it looks at, and what it finds.

use std::fmt;

use super::facts::{Facts, Way};

/// One look at the facts.
#[derive(Debug)]
pub(crate) struct Check {
    /// Its name. It is stable: scripts go by it.
    pub(crate) id: &'static str,
    pub(crate) group: Group,
    /// What it looks at, and why that matters.
    pub(crate) what: &'static str,
    /// From where on it warns, and from where on something has to be mended.
    pub(crate) bounds: &'static str,
    /// What mends it, in general.
    pub(crate) fix: &'static str,
    /// Whether it takes containers.
    pub(crate) probes: bool,
    pub(super) judge: fn(&Facts) -> Verdict,
}

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Engine,
    Machine,
    Network,
    State,
    Host,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Engine => "Engine",
            Self::Machine => "Machine",
            Self::Network => "Network",
            Self::State => "State folder",
            Self::Host => "Host",
        })
    }
}

/// How much something matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    Ok,
    /// A host runs, with less than it should have.
    Warn,
    /// No host runs, or plugins are not safe.
    Fix,
    /// It could not be looked at.
    Unknown,
}

impl Health {
    /// The word for it, also for programs.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fix => "fix",
            Self::Unknown => "unknown",
        }
    }
}

/// What a check finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) health: Health,
    pub(super) sentence: String,
    pub(super) fix: Option<String>,
}

impl Verdict {
    pub(super) fn ok(sentence: impl Into<String>) -> Self {
        Self {
            health: Health::Ok,
            sentence: sentence.into(),
            fix: None,
        }
    }

    pub(super) fn unknown(sentence: impl Into<String>) -> Self {
        Self {
            health: Health::Unknown,
            ..Self::ok(sentence)
        }
    }

    pub(super) fn warn(sentence: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            health: Health::Warn,
            sentence: sentence.into(),
            fix: Some(fix.into()),
        }
    }

    pub(super) fn fix(sentence: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            health: Health::Fix,
            ..Self::warn(sentence, fix)
        }
    }
}

/// What a check found.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) id: &'static str,
    pub(crate) group: Group,
    pub(crate) health: Health,
    /// One sentence.
    pub(crate) sentence: String,
    /// The command that mends it, where something has to be mended.
    pub(crate) fix: Option<String>,
}

/// Checks about an engine or its networks that are not about Docker alone.
const OF_ANY_ENGINE: [&str; 2] = ["engine.address", "network.events_port"];

impl Check {
    /// Whether it is about this machine: where the configuration names the process engine, none of Docker is.
    pub(crate) fn concerns(&self, facts: &Facts) -> bool {
        let is_of_docker =
            matches!(self.group, Group::Engine | Group::Network) && !OF_ANY_ENGINE.contains(&self.id);
        facts.address.way != Way::None || !is_of_docker
    }

    /// Looks.
    pub(crate) fn judge(&self, facts: &Facts) -> Finding {
        let Verdict {
            health,
            sentence,
            fix,
        } = (self.judge)(facts);
        Finding {
            id: self.id,
            group: self.group,
            health,
            sentence,
            fix,
        }
    }
}
