use super::spec::spec_digest;
use crate::engine::{
    observed::{ContainerStatus, EngineRestarts, Observed},
    spec::{ContainerSpec, ResourceLimits},
};

/// What a container is compared with, to see whether it is as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpecMark {
    /// Of everything that takes another container.
    pub digest: String,
    /// What an engine can change in place.
    pub limits: ResourceLimits,
    /// The same.
    pub restarts: EngineRestarts,
}

impl SpecMark {
    pub(crate) fn of(spec: &ContainerSpec) -> Self {
        Self {
            digest: spec_digest(spec).to_owned(),
            limits: spec.limits,
            restarts: EngineRestarts::of(spec.outlives_host),
        }
    }

    /// Whether the container has to be made anew.
    pub(super) fn is_outdated(&self, observed: &Observed) -> bool {
        observed.spec_digest != self.digest
            || observed.status == ContainerStatus::Dead
            || (observed.is_unsealed && !observed.is_running())
    }

    /// Whether the container has other limits than it should, or the engine starts it again otherwise
    /// than it should: an engine changes them alike.
    pub(super) fn has_other_limits(&self, observed: &Observed) -> bool {
        observed.limits.differ_from(&self.limits) || self.has_other_restarts(observed)
    }

    /// Whether the engine starts the container again otherwise than it should.
    pub(super) fn has_other_restarts(&self, observed: &Observed) -> bool {
        observed
            .restarts
            .is_some_and(|restarts| restarts != self.restarts)
    }
}

/// How limits come to a container that has other ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LimitChange {
    /// In place.
    Live,
    /// The engine could not change them in place: by another container.
    Anew,
    /// Even another container did not get them. Making more of them would change nothing.
    GivenUp,
}
