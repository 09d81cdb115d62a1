use std::time::{Duration, Instant};

use crate::model::{
    dependency::UnmetDependency,
    event::EventKind,
    failure::{Failure, FailureCause},
};

/// What a plugin waits for before it starts, and how long it has waited.
#[derive(Debug)]
pub(super) struct Needs {
    unmet: Vec<UnmetDependency>,
    /// All were met since the plugin's run began.
    were_met: bool,
    /// How long a start waits before it counts as a failure.
    limit: Duration,
    until: Option<Instant>,
}

impl Needs {
    pub(super) const fn new(limit: Duration) -> Self {
        Self {
            unmet: Vec::new(),
            were_met: false,
            limit,
            until: None,
        }
    }

    /// Takes what is missing now; says what that is to a plugin that runs.
    pub(super) fn take(&mut self, unmet: Vec<UnmetDependency>, running: bool) -> Option<EventKind> {
        let changed = self.unmet != unmet;
        let had_all = self.unmet.is_empty();
        self.unmet = unmet;
        if self.unmet.is_empty() {
            let back = self.were_met && !had_all && running;
            self.were_met = true;
            return back.then_some(EventKind::DependenciesBack);
        }
        let lost = running && self.were_met && changed;
        lost.then(|| EventKind::DependenciesLost(self.unmet.clone()))
    }

    /// A run began: what is missing from its start on was not lost by it.
    pub(super) fn run_began(&mut self) {
        self.were_met = self.unmet.is_empty();
    }

    pub(super) fn unmet(&self) -> &[UnmetDependency] {
        &self.unmet
    }

    pub(super) fn are_met(&self) -> bool {
        self.unmet.is_empty()
    }

    /// The start is held back. The failure, each time that it has been so for too long.
    pub(super) fn hold(&mut self, now: Instant) -> Option<Failure> {
        let until = *self.until.get_or_insert(now + self.limit);
        if now < until {
            return None;
        }
        self.until = Some(now + self.limit);
        let message = format!("has waited {:?} for {}", self.limit, listed(&self.unmet));
        let failure = Failure::new(FailureCause::Dependency, message);
        Some(failure.with_hint("it starts by itself as soon as what it depends on is healthy"))
    }

    /// The start is not held back, by this at least.
    pub(super) const fn release(&mut self) {
        self.until = None;
    }

    pub(super) const fn wake_at(&self) -> Option<Instant> {
        self.until
    }
}

fn listed(unmet: &[UnmetDependency]) -> String {
    let all: Vec<_> = unmet.iter().map(ToString::to_string).collect();
    all.join("; ")
}
