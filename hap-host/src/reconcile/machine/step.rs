//! What the machine is told, and what it answers.

use std::time::Instant;

use super::observation::Seen;
use crate::{
    model::{
        activity::OperationKind,
        dependency::UnmetDependency,
        desired::Desired,
        event::EventKind,
        failure::Failure,
        probe::ProbeResult,
        redact::Redactor,
        run_policy::{HealthPolicy, ProbationPolicy, RestartPolicy},
    },
    reconcile::{drift::SpecMark, probation::ProbationVerdict},
};

/// Something that the machine is told.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// What is wanted changed. Wanting what is wanted already forgives earlier failures.
    Desire(Desired),
    /// The plugin shall be stopped and started once.
    Restart,
    /// The host shuts down and stops its plugins.
    Halt,
    /// The container shall be as this says.
    Spec(SpecMark),
    /// Another version of the plugin comes, with policies of its own, and is watched or not.
    Version(Box<VersionTerms>, Option<ProbationPolicy>),
    /// What runs now is watched, for the version's sake; or no longer.
    Probation(Option<ProbationPolicy>),
    /// The plugin is kept down for a while, whatever is wanted.
    Hold(Hold),
    /// The plugin must not run, for this reason; or it may again.
    Bar(Option<Failure>),
    /// What the plugin depends on and does not have now.
    Needs(Vec<UnmetDependency>),
    /// The engine hints that something happened.
    Hint,
    /// A list of all containers shows this.
    Listed(Seen),
    /// The operation in flight ended.
    OpDone(Outcome),
    /// A failure that was told before, with what its traces say.
    Explained(Failure),
    /// The probe of this run ended.
    Probe { generation: u64, result: ProbeResult },
    /// Time passed.
    Tick,
}

/// What a version of a plugin changes.
#[derive(Debug, Clone)]
pub(crate) struct VersionTerms {
    pub mark: SpecMark,
    pub restart: RestartPolicy,
    pub health: HealthPolicy,
}

/// How far a plugin is kept down, so that something can be done to its volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Not at all.
    None,
    /// It does not run.
    Down,
    /// It has no container.
    Gone,
}

/// How an operation ended.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// It is done, and this is what there is now.
    Done(Seen),
    /// It failed or was given up; trying again may help. The reason in words.
    Retry(String),
    /// The plugin could not be started: counted and paused for like a run that failed.
    Failed(Failure),
    /// It failed, and trying again is pointless until someone acts.
    Permanent(Failure),
}

impl Outcome {
    /// Its name for logs and metrics.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Retry(_) => "retry",
            Self::Failed(_) => "failed",
            Self::Permanent(_) => "permanent",
        }
    }

    /// The same without the plugin's secrets in its words.
    pub(crate) fn redacted(self, redactor: &Redactor) -> Self {
        match self {
            Self::Done(seen) => Self::Done(seen.redacted(redactor)),
            Self::Retry(reason) => Self::Retry(redactor.owned(reason)),
            Self::Failed(failure) => Self::Failed(redactor.failure(failure)),
            Self::Permanent(failure) => Self::Permanent(redactor.failure(failure)),
        }
    }
}

/// What to do after an input.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// Start this operation.
    pub op: Option<OperationKind>,
    /// Give up the operation in flight.
    pub cancel: bool,
    /// Probe the plugin's health now; hand the result in with this generation.
    pub probe: Option<u64>,
    /// What became of the version on probation; told once.
    pub verdict: Option<ProbationVerdict>,
    /// What happened, oldest first.
    pub events: Vec<EventKind>,
    /// Call again with [`Input::Tick`] at this moment, if nothing else comes before.
    pub wake_at: Option<Instant>,
}
