//! Carries out one operation of the reconcile machine on the engine.

use std::{future::Future, sync::Arc, time::Duration};

use hap_manifest::Manifest;
use tokio::sync::{Semaphore, watch};

use crate::{
    engine::{
        Engine, HostEndpoints,
        deadline::{self, within},
        error::{EngineError, EngineErrorKind},
        observed::{ContainerId, ContainerStatus, Observed},
        spec::ContainerSpec,
    },
    metrics::Metrics,
    model::{
        activity::OperationKind,
        failure::{Failure, FailureCause},
    },
    plugin::{context::Shared, ownership::Ownership, volume_marks::VolumeMarks},
    reconcile::machine::{observation::Seen, step::Outcome},
};

/// Longest wait for a container that is being created elsewhere, once its name is taken.
const CREATION_WAIT: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// What an operation needs; owned, because the actor holds the operation as a future beside itself.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    pub engine: Arc<dyn Engine>,
    pub spec: Arc<ContainerSpec>,
    pub ownership: Ownership,
    pub volumes: VolumeMarks,
    /// Caps how many plugins are created or started at a time: the engine saturates at about twice
    /// the cores.
    pub starts: Arc<Semaphore>,
    pub stop_grace: Duration,
    /// Whether what is stopped is killed at once, until the plugin starts again.
    pub force: watch::Sender<bool>,
    /// Where the host was found from inside when the spec was made.
    pub platform: HostEndpoints,
    /// Where it is found now.
    pub platform_now: watch::Sender<HostEndpoints>,
    pub metrics: Arc<Metrics>,
}

impl Operator {
    /// Makes the operator of one plugin, whose spec was made for `platform`.
    pub(crate) fn new(
        shared: &Shared,
        manifest: &Manifest,
        spec: Arc<ContainerSpec>,
        platform: HostEndpoints,
    ) -> Self {
        Self {
            engine: Arc::clone(&shared.engine),
            spec,
            ownership: shared.ownership.clone(),
            volumes: shared.volumes.clone(),
            starts: Arc::clone(&shared.starts),
            stop_grace: shared.policy.stop_grace(manifest),
            force: watch::Sender::default(),
            platform,
            platform_now: shared.platform.clone(),
            metrics: Arc::clone(&shared.metrics),
        }
    }

    /// Takes over another spec.
    pub(crate) fn configure(&mut self, stop_grace: Duration, spec: ContainerSpec, platform: HostEndpoints) {
        self.stop_grace = stop_grace;
        self.platform = platform;
        self.spec = Arc::new(spec);
    }

    /// Carries out `op` on `container`. Safe to drop at any await: the machine looks again
    /// afterwards.
    pub(crate) async fn perform(self, op: OperationKind, container: Option<ContainerId>) -> Outcome {
        let (name, started) = (op.as_str(), tokio::time::Instant::now());
        tracing::debug!("begins");
        let outcome = self.carry_out(op, container).await;
        tracing::debug!(outcome = outcome.as_str(), elapsed = ?started.elapsed(), "ended");
        self.metrics.operated(name, outcome.as_str(), started.elapsed());
        outcome
    }

    async fn carry_out(&self, op: OperationKind, container: Option<ContainerId>) -> Outcome {
        let done = match (op, container) {
            (OperationKind::Inspect, Some(id)) => self.look(&id).await,
            (OperationKind::Inspect, None) => self.find().await,
            (OperationKind::Create, _) => self.create().await,
            (OperationKind::Start, Some(id)) => self.start(&id).await,
            (OperationKind::SetLimits, Some(id)) => self.set_limits(&id).await,
            (OperationKind::Stop, Some(id)) => self.stop(&id).await,
            (OperationKind::Remove, Some(id)) => self
                .control(self.engine.remove(&id))
                .await
                .map(|()| Seen::Absent)
                .map_err(OperationError::from),
            (OperationKind::RemoveData, _) => self.remove_data().await,
            // What is to be started, stopped or removed is gone already.
            (
                OperationKind::SetLimits | OperationKind::Start | OperationKind::Stop | OperationKind::Remove,
                None,
            ) => Ok(Seen::Absent),
        };
        match done {
            Ok(seen) => Outcome::Done(seen),
            Err(OperationError::Engine(error)) if error.is_retryable() => Outcome::Retry(error.to_string()),
            Err(OperationError::Engine(error)) => {
                Outcome::Permanent(Failure::new(FailureCause::Refused, error.to_string()))
            }
            Err(OperationError::Plugin(failure)) if failure.cause.is_permanent() => {
                Outcome::Permanent(failure)
            }
            Err(OperationError::Plugin(failure)) => Outcome::Failed(failure),
        }
    }

    async fn look(&self, id: &ContainerId) -> Result<Seen, OperationError> {
        match self.control(self.engine.inspect(id)).await {
            Ok(observed) => match self.ownership.own(observed) {
                Some(observed) => Ok(Seen::Present(observed)),
                None => self.find().await,
            },
            // Another container may have taken its place.
            Err(error) if error.kind() == EngineErrorKind::NotFound => self.find().await,
            Err(error) => Err(error.into()),
        }
    }

    async fn find(&self) -> Result<Seen, OperationError> {
        let ours = self.pick().await?.ours;
        if ours.as_ref().is_none_or(|observed| !observed.is_unsealed) {
            self.ownership.settle(&self.spec.plugin).await;
        }
        Ok(ours.map_or(Seen::Absent, Seen::Present))
    }

    /// Looks for the container until it shows. A host that was killed may have left the engine
    /// creating it, and then its name is taken before it can be seen.
    async fn find_soon(&self) -> Result<Seen, OperationError> {
        let until = tokio::time::Instant::now() + CREATION_WAIT;
        loop {
            let seen = self.find().await?;
            if seen != Seen::Absent || tokio::time::Instant::now() >= until {
                return Ok(seen);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    async fn create(&self) -> Result<Seen, OperationError> {
        let _permit = self.starts.acquire().await;
        // The networks may have been removed by hand since the supervisor started.
        let platform = self.control(self.engine.prepare(&self.spec.instance)).await?;
        if self.is_elsewhere(&platform) {
            return Ok(Seen::Absent);
        }
        self.stop_known_copies().await?;
        self.look_for_lost_data().await;
        match self.control(self.engine.create_checked(&self.spec)).await {
            Ok(observed) => {
                self.note_volumes().await;
                self.ownership.settle(&self.spec.plugin).await;
                match self.ownership.own(observed) {
                    Some(observed) => Ok(Seen::Present(observed)),
                    None => self.find().await,
                }
            }
            Err(error) if error.kind() == EngineErrorKind::Conflict => match self.find_soon().await? {
                Seen::Present(observed) => Ok(Seen::Present(observed)),
                _ => Err(OperationError::Plugin(
                    Failure::new(FailureCause::Refused, error.to_string()).with_hint(
                        "something of that name exists that is not this supervisor's: rename or remove it",
                    ),
                )),
            },
            Err(error) if error.kind() == EngineErrorKind::DeviceMissing => Err(device_missing(&error)),
            // Of what creating needs only the image can be missing for good; a network is prepared
            // again.
            Err(error) if error.kind() == EngineErrorKind::NotFound && error.operation() == "create" => {
                Err(OperationError::Plugin(
                    Failure::new(FailureCause::Image, error.to_string())
                        .with_hint(
                            "bring the very same image back and start the plugin, or install the plugin again with another one",
                        ),
                ))
            }
            Err(error) if error.kind() == EngineErrorKind::NotFound => Err(OperationError::Plugin(Failure::new(
                FailureCause::Engine,
                error.to_string(),
            ))),
            Err(error) => Err(error.into()),
        }
    }

    /// Publishes where the host is found. Returns whether this spec says otherwise: then the actor
    /// has another spec before it is asked to create again.
    fn is_elsewhere(&self, platform: &HostEndpoints) -> bool {
        self.platform_now.send_if_modified(|now| {
            let moved = now != platform;
            now.clone_from(platform);
            moved
        });
        platform.gateway(self.spec.network) != self.platform.gateway(self.spec.network)
    }

    async fn start(&self, id: &ContainerId) -> Result<Seen, OperationError> {
        self.stop_known_copies().await?;
        self.note_volumes().await;
        let permit = self.starts.acquire().await;
        let started = self.control(self.engine.start(id)).await;
        drop(permit);
        match started {
            Ok(()) => match self.look(id).await? {
                // It was taken off its network, to which no start brings it back.
                Seen::Present(observed) if is_cut_off(&observed) => {
                    self.discard_broken(id, &"it is on no network").await
                }
                seen => Ok(seen),
            },
            // The next container is made with the devices that there are then.
            Err(error) if error.kind() == EngineErrorKind::DeviceMissing => {
                self.control(self.engine.remove(id)).await?;
                Err(device_missing(&error))
            }
            Err(error) => match error.kind() {
                EngineErrorKind::Unavailable | EngineErrorKind::Timeout => Err(error.into()),
                // The container is gone, or something that it was created with, such as its
                // network.
                EngineErrorKind::NotFound => self.discard_broken(id, &error).await,
                _ => Err(OperationError::Plugin(super::diagnose::refused_start(&error))),
            },
        }
    }

    /// Sets the limits in place. Where the engine cannot, the look shows it, and the container is
    /// recreated.
    async fn set_limits(&self, id: &ContainerId) -> Result<Seen, OperationError> {
        let (limits, outlives) = (&self.spec.limits, self.spec.outlives_host);
        match self.control(self.engine.set_limits(id, limits, outlives)).await {
            Err(error)
                if matches!(
                    error.kind(),
                    EngineErrorKind::Unavailable | EngineErrorKind::Timeout
                ) =>
            {
                Err(error.into())
            }
            Err(error) => {
                tracing::info!(plugin = %self.spec.plugin, error = %error, "its limits cannot be changed in place, so its container is made anew");
                self.look(id).await
            }
            Ok(()) => self.look(id).await,
        }
    }

    /// Removes a container that cannot run, so that the next operation creates another.
    async fn discard_broken(
        &self,
        id: &ContainerId,
        reason: &(dyn std::fmt::Display + Sync),
    ) -> Result<Seen, OperationError> {
        tracing::info!(plugin = %self.spec.plugin, %reason, "its container is made anew, because it cannot run");
        self.control(self.engine.remove(id)).await?;
        Ok(Seen::Absent)
    }

    async fn stop(&self, id: &ContainerId) -> Result<Seen, OperationError> {
        self.stop_container(id).await?;
        self.note_volumes().await;
        let ours = self.stop_copies().await?;
        Ok(ours.map_or(Seen::Absent, Seen::Present))
    }

    /// Stops a container within the plugin's grace. Once that is forced it is killed, also when it
    /// is stopping already.
    pub(super) async fn stop_container(&self, id: &ContainerId) -> Result<(), EngineError> {
        let limit = deadline::CONTROL + self.stop_grace;
        let mut force = self.force.subscribe();
        tokio::select! {
            biased;
            _ = force.wait_for(|force| *force) => {}
            stopped = within(limit, "stop", id, self.engine.stop(id, self.stop_grace)) => return stopped,
        }
        tracing::info!(plugin = %self.spec.plugin, container = %id, "it is killed, because its stop is forced");
        self.control(self.engine.kill(id)).await
    }

    pub(super) async fn control<T>(
        &self,
        call: impl Future<Output = Result<T, EngineError>> + Send,
    ) -> Result<T, EngineError> {
        within(deadline::CONTROL, "call", &self.spec.name, call).await
    }
}

fn is_cut_off(observed: &Observed) -> bool {
    observed.status == ContainerStatus::Running && observed.address.is_none()
}

/// A device that is not there may be plugged in at any time.
fn device_missing(error: &EngineError) -> OperationError {
    OperationError::Plugin(Failure::new(FailureCause::Device, error.to_string()))
}

pub(super) enum OperationError {
    Engine(EngineError),
    Plugin(Failure),
}

impl From<EngineError> for OperationError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}
