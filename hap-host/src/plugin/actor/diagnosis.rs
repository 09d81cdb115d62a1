//! The diagnosis of a failed run that is under way.

use std::{collections::VecDeque, sync::Arc, time::SystemTime};

use tokio::sync::oneshot;

use super::{
    background::Background,
    diagnose::{self, FailureEvidence, Listening},
};
use crate::{
    engine::{Engine, observed::ContainerId},
    model::{
        event::{Event, EventKind},
        failure::Failure,
        redact::Redactor,
    },
};

/// A run that failed, and what is left of it to look at.
pub(super) struct FailedRun {
    pub(super) failure: Failure,
    pub(super) container: ContainerId,
    pub(super) started_at: Option<SystemTime>,
    /// Where it listened, where that is being asked.
    pub(super) listening: Option<oneshot::Receiver<Listening>>,
}

/// Explains failed runs, one at a time.
pub(super) struct Diagnosis {
    /// The port of the manifest.
    api_port: u16,
    /// The explanation that is under way.
    pub(super) explaining: Background<Failure>,
    /// What is still to be told, in its order.
    untold: VecDeque<Untold>,
}

/// An event that nobody was told of yet.
struct Untold {
    event: Event,
    /// It is the failure that is being explained: it is told when it is whole, and what came after
    /// it is told after it.
    explaining: bool,
}

impl Diagnosis {
    pub(super) fn new(api_port: u16) -> Self {
        Self {
            api_port,
            explaining: Background::idle(),
            untold: VecDeque::new(),
        }
    }

    /// Takes in an event, which is told with [`tell`](Self::tell). `explaining`: it is the failure
    /// whose explanation was begun for it.
    pub(super) fn take(&mut self, event: Event, explaining: bool) {
        self.untold.push_back(Untold { event, explaining });
    }

    /// Takes in the explanation that was under way.
    pub(super) fn explained(&mut self, failure: &Failure) {
        for untold in self.untold.iter_mut().filter(|untold| untold.explaining) {
            untold.explaining = false;
            untold.event.kind = EventKind::Failed(failure.clone());
        }
    }

    /// Drops the explanation that is under way; its failure is told without it.
    pub(super) fn stop(&mut self) {
        self.explaining.stop();
        for untold in &mut self.untold {
            untold.explaining = false;
        }
    }

    /// Returns the next event that can be told.
    pub(super) fn tell(&mut self) -> Option<Event> {
        self.untold
            .pop_front_if(|untold| !untold.explaining)
            .map(|untold| untold.event)
    }

    pub(super) const fn set_api_port(&mut self, api_port: u16) {
        self.api_port = api_port;
    }

    /// Begins to explain why a run failed.
    pub(super) fn begin(&mut self, run: FailedRun, engine: Arc<dyn Engine>, redactor: Arc<Redactor>) {
        let api_port = self.api_port;
        let FailedRun {
            failure,
            container,
            started_at,
            listening,
        } = run;
        let explain = async move {
            let lines = diagnose::last_lines(&*engine, &container, started_at, &redactor).await;
            let listening = match listening {
                Some(told) => told.await.unwrap_or_default(),
                None => None,
            };
            let evidence = FailureEvidence {
                api_port,
                listening,
                program: diagnose::program_fault(&*engine, &container, &failure, &lines).await,
            };
            redactor.failure(diagnose::explain(failure, lines, &evidence))
        };
        self.explaining.begin(explain);
    }
}
