//! The diagnosis of a failed run that is under way.

use std::{sync::Arc, time::SystemTime};

use tokio::sync::oneshot;

use super::{
    background::Background,
    diagnose::{self, FailureEvidence, Listening},
};
use crate::{
    engine::{Engine, observed::ContainerId},
    model::{failure::Failure, redact::Redactor},
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
}

impl Diagnosis {
    pub(super) fn new(api_port: u16) -> Self {
        Self {
            api_port,
            explaining: Background::idle(),
        }
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
