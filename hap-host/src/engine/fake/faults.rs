use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use hap_manifest::PluginId;
use tokio::time::Instant;

use crate::engine::error::EngineErrorKind;

/// Calls that are remembered.
const CALLS: usize = 10_000;

/// An operation of the engine, as a test names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "each is named after the method of `Engine`, which is documented there"
)]
pub enum FakeOperation {
    Info,
    Prepare,
    Teardown,
    Image,
    Pull,
    Build,
    Create,
    Start,
    Stop,
    Kill,
    Remove,
    RemoveVolumes,
    CopyVolumes,
    SetLimits,
    Inspect,
    List,
    Stats,
    ListResources,
    RemoveResource,
    IsolationSigns,
    MeasureIsolation,
    MissingVolumes,
    VolumeUsage,
}

impl FakeOperation {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Prepare => "prepare",
            Self::Teardown => "teardown",
            Self::Image => "image",
            Self::Pull => "pull",
            Self::Build => "build",
            Self::Create => "create",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Kill => "kill",
            Self::Remove => "remove",
            Self::RemoveVolumes => "remove volumes",
            Self::CopyVolumes => "copy volumes",
            Self::SetLimits => "set limits",
            Self::Inspect => "inspect",
            Self::List => "list",
            Self::Stats => "stats",
            Self::ListResources => "list resources",
            Self::RemoveResource => "remove resource",
            Self::IsolationSigns => "isolation signs",
            Self::MeasureIsolation => "measure isolation",
            Self::MissingVolumes => "find volumes",
            Self::VolumeUsage => "measure volumes",
        }
    }
}

/// One call that a [`FakeEngine`](super::FakeEngine) took.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeCall {
    /// What was asked for.
    pub operation: FakeOperation,
    /// On what: a container's name or id, an image, an instance.
    pub subject: String,
    /// When, by tokio's clock.
    pub at: Instant,
}

/// What a scripted call does instead of its work.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    Fail(EngineErrorKind),
    /// The work is done, and the answer is an error all the same.
    LoseAnswer(EngineErrorKind),
    Hang,
}

/// What the test has planned, and what has happened.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) delays: BTreeMap<FakeOperation, Duration>,
    pub(super) faults: VecDeque<(FakeOperation, Fault)>,
    pub(super) unavailable: bool,
    pub(super) events_to_lose: u32,
    pub(super) calls: VecDeque<FakeCall>,
    pub(super) concurrent: Vec<PluginId>,
    pub(super) in_flight: BTreeMap<PluginId, u32>,
}

impl Script {
    pub(super) fn note(&mut self, operation: FakeOperation, subject: &str) {
        if self.calls.len() == CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(FakeCall {
            operation,
            subject: subject.to_owned(),
            at: Instant::now(),
        });
    }

    pub(super) fn take_fault(&mut self, operation: FakeOperation) -> Option<Fault> {
        let at = self
            .faults
            .iter()
            .position(|(planned, _)| *planned == operation)?;
        self.faults.remove(at).map(|(_, fault)| fault)
    }
}
