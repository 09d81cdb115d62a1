//! Keeps what is wrong with the host itself, and tells when it begins and ends.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::{sync::broadcast, time::Instant};

use crate::{
    error::StoreTrouble,
    model::{
        event::{HostEvent, HostEventKind},
        host_problem::{HostProblem, HostProblemKind},
    },
};

/// A lack that comes and goes has ended when it has not been seen for so long.
const QUIET: Duration = Duration::from_secs(30);

/// What is wrong with the host now. Clones are one.
#[derive(Debug, Clone)]
pub(crate) struct HostProblems {
    now: Arc<Mutex<BTreeMap<HostProblemKind, Known>>>,
    events: broadcast::Sender<HostEvent>,
}

#[derive(Debug)]
struct Known {
    problem: HostProblem,
    seen: Instant,
}

impl HostProblems {
    pub(crate) fn new(events: broadcast::Sender<HostEvent>) -> Self {
        let now = Arc::default();
        Self { now, events }
    }

    /// Notes that something is wrong, and tells of it unless it was known.
    pub(crate) fn seen(&self, kind: HostProblemKind, message: &str) {
        let mut now = self.lock();
        if let Some(known) = now.get_mut(&kind) {
            known.seen = Instant::now();
            return;
        }
        let problem = HostProblem {
            kind,
            message: message.to_owned(),
            since: SystemTime::now(),
        };
        tracing::error!(kind = kind.as_str(), "{message}");
        let known = Known {
            problem: problem.clone(),
            seen: Instant::now(),
        };
        now.insert(kind, known);
        drop(now);
        self.tell(HostEventKind::ProblemBegan(problem));
    }

    /// Notes that the state takes nothing more; of a folder that is lost `told` says what is to be said.
    pub(crate) fn state_is(&self, trouble: StoreTrouble, told: &str) {
        match trouble {
            StoreTrouble::Lost => self.seen(HostProblemKind::StateFolder, told),
            StoreTrouble::Full => self.seen(
                HostProblemKind::StateDisk,
                "the disk of the state folder is full: plugins go on, and can be stopped and uninstalled; other changes \
                 and the events of plugins are refused until there is room again. Make room, or stop the plugin that \
                 fills it",
            ),
        }
    }

    /// Notes that it did not happen this time. It has ended when it has not been seen for a while.
    pub(crate) fn not_seen(&self, kind: HostProblemKind) {
        let is_over = |known: &Known| known.seen.elapsed() >= QUIET;
        if self.lock().get(&kind).is_some_and(is_over) {
            self.ended(kind);
        }
    }

    /// Tells that a problem is over, if it was there.
    pub(crate) fn ended(&self, kind: HostProblemKind) {
        let known = self.lock().remove(&kind);
        if known.is_some() {
            tracing::warn!(
                kind = kind.as_str(),
                "it is over: the host has no such problem any more"
            );
            self.tell(HostEventKind::ProblemEnded(kind));
        }
    }

    /// All that is known to be wrong now.
    pub(crate) fn all(&self) -> Vec<HostProblem> {
        self.lock().values().map(|known| known.problem.clone()).collect()
    }

    fn tell(&self, kind: HostEventKind) {
        // Nobody listening is fine.
        let _ = self.events.send(HostEvent::now(kind));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<HostProblemKind, Known>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_comes_and_goes_is_told_once_until_it_has_been_away_for_a_while() {
        let events = broadcast::Sender::new(8);
        let mut told = events.subscribe();
        let problems = HostProblems::new(events);
        let kind = HostProblemKind::Resources;
        for _ in 0..5 {
            problems.seen(kind, "no descriptor");
            problems.not_seen(kind);
            tokio::time::advance(QUIET / 2).await;
        }
        assert_eq!(problems.all().len(), 1);
        tokio::time::advance(QUIET / 2).await;
        problems.not_seen(kind);
        assert_eq!(problems.all(), []);
        problems.not_seen(kind);
        let began = told.recv().await.unwrap().kind;
        assert!(matches!(began, HostEventKind::ProblemBegan(problem) if problem.message == "no descriptor"));
        assert_eq!(told.recv().await.unwrap().kind, HostEventKind::ProblemEnded(kind));
        assert!(told.try_recv().is_err());
    }
}
