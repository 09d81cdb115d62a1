//! The calls of a [`PluginHandle`] that start and stop the plugin, and wait until
//! that has happened.

use std::time::Duration;

use hap_manifest::Manifest;
use tracing::Instrument as _;

use super::{
    PluginHandle,
    stop_request::{RestartRequest, StopRequest},
};
use crate::{
    engine::deadline,
    error::{Error, ErrorKind},
    model::{
        desired::Desired,
        failure::{Failure, FailureCause},
        phase::Phase,
    },
    plugin::{
        request::{Request, Stop},
        snapshot::Snapshot,
    },
};

/// Longest wait of [`PluginHandle::start`] and [`PluginHandle::restart`]. A plugin that is neither
/// healthy nor failed by then has an engine that does not answer.
const START_DEADLINE: Duration = Duration::from_secs(300);
/// Longest wait of [`PluginHandle::stop`] and [`PluginHandle::uninstall`], on top of the
/// plugin's own grace.
const STOP_DEADLINE: Duration = Duration::from_secs(90);

impl PluginHandle {
    /// Makes the plugin run, and waits until it is healthy. Fine when it is already, and when it
    /// ended well and is not one that is started again for that ([`Phase::Finished`]).
    ///
    /// # Errors
    /// [`ErrorKind::Failed`] with the diagnosis ([`Error::failure`]) when a run of it fails first;
    /// unless the cause is permanent the supervisor goes on trying in the background.
    /// [`ErrorKind::Dependency`] when what it depends on was not healthy for as long as
    /// [`dependency_wait`](crate::supervisor::builder::SupervisorBuilder::dependency_wait) says: it
    /// starts as soon as that is. [`ErrorKind::NotPermitted`]. [`ErrorKind::Timeout`] when neither
    /// happens within 5 minutes, and the wait for what it depends on. Also as
    /// [`set_desired`](Self::set_desired).
    ///
    /// # Cancel safety
    /// Once recorded, the start goes on when the future is dropped.
    pub async fn start(&self) -> Result<(), Error> {
        self.lifecycle("start", async {
            let (failures, _) = self.progress();
            self.set_desired(Desired::Running).await?;
            self.wait_healthy(failures, None).await
        })
        .await
    }

    /// Stops the plugin, and waits until it is down. Fine when it is already. Whatever its exit
    /// code, a stop that was asked for is no failure. It has the time that its manifest says, and
    /// no more than [`Policy::max_stop_timeout`](crate::Policy::max_stop_timeout); then it is
    /// killed. [`StopRequest::force`] kills it at once.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] when the engine did not get it down; the supervisor goes on trying.
    /// Also as [`set_desired`](Self::set_desired).
    ///
    /// # Cancel safety
    /// Once recorded, the stop goes on when the future is dropped.
    pub fn stop(&self) -> StopRequest {
        StopRequest::new(self.clone())
    }

    pub(super) async fn bring_down(&self, stop: Stop) -> Result<(), Error> {
        self.desire(Desired::Stopped, stop).await?;
        let down = self.wait(|s| s.state.phase == Phase::Stopped || s.state.desired != Desired::Stopped);
        self.bounded(self.stop_deadline(), "did not stop", down)
            .await
            .map(drop)
    }

    /// Stops the plugin, starts it again and waits until it is healthy.
    ///
    /// # Errors
    /// [`ErrorKind::NotRunning`] when it is not wanted running; else as [`start`](Self::start).
    ///
    /// # Cancel safety
    /// Once accepted, the restart goes on when the future is dropped.
    pub fn restart(&self) -> RestartRequest {
        RestartRequest::new(self.clone())
    }

    pub(super) async fn start_again(&self, stop: Stop) -> Result<(), Error> {
        let before = self.progress();
        self.request(|reply| Request::Restart(stop, reply)).await?;
        self.healthy_after(before).await
    }

    /// Gives the plugin a new token and a new webhook secret, and returns when it runs with them.
    ///
    /// The new keys are on disk before anything else happens. They are part of the container's
    /// environment, so a plugin that shall run is stopped, its container made anew and started; its
    /// volumes stay. Until the old container is gone its keys stay good, so neither an event nor a
    /// call is refused meanwhile; then they are worthless. A plugin that does not run gets its new
    /// keys with its next start, and the old ones are worthless at once.
    ///
    /// # Errors
    /// [`ErrorKind::Store`]: nothing has changed. [`ErrorKind::Failed`] and [`ErrorKind::Timeout`]
    /// as [`start`](Self::start): the new keys hold, and the supervisor goes on trying to start the
    /// plugin. Also [`ErrorKind::Gone`], [`ErrorKind::ShuttingDown`] and [`ErrorKind::Busy`].
    ///
    /// # Cancel safety
    /// Once recorded, the rotation goes on when the future is dropped, and after a host
    /// that was killed.
    pub async fn rotate_secrets(&self) -> Result<(), Error> {
        self.lifecycle("rotate_secrets", async {
            let before = self.progress();
            self.request(Request::RotateKeys).await?;
            if self.0.snapshot.borrow().state.desired != Desired::Running {
                return Ok(());
            }
            self.healthy_after(before).await?;
            let retired =
                self.wait(|snapshot| !snapshot.rotating || snapshot.state.desired != Desired::Running);
            self.bounded(STOP_DEADLINE, "its old keys could not be retired", retired)
                .await
                .map(drop)
        })
        .await
    }

    /// A call that waits for the plugin: written down as long as it does, in a span of its own.
    pub(crate) async fn lifecycle<T>(
        &self,
        call: &'static str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let _entry = self.0.calls.enter(call);
        let span = tracing::info_span!("lifecycle call", plugin = %self.id(), call);
        let told = async {
            let result = work.await;
            let failed = result.as_ref().err().map(|error| error.kind().as_str());
            tracing::debug!(failed, "lifecycle call ended");
            result
        };
        told.instrument(span).await
    }

    /// How many runs failed and how many became healthy so far.
    pub(crate) fn progress(&self) -> (u64, u64) {
        let snapshot = self.0.snapshot.borrow();
        (snapshot.failures, snapshot.healthy_runs)
    }

    /// Waits until the plugin is healthy in a run that began after that, or has failed since.
    pub(crate) async fn healthy_after(&self, (failures, runs): (u64, u64)) -> Result<(), Error> {
        self.wait_healthy(failures, Some(runs)).await
    }

    /// Waits until the plugin is healthy in a run after `runs`, or a run after
    /// `failures` has failed.
    async fn wait_healthy(&self, failures: u64, runs: Option<u64>) -> Result<(), Error> {
        let settled = self.wait(|snapshot| {
            let healthy =
                snapshot.state.phase.is_reachable() && runs.is_none_or(|runs| snapshot.healthy_runs > runs);
            let over = snapshot.state.desired != Desired::Running || snapshot.state.phase == Phase::Finished;
            healthy || over || (!snapshot.diagnosing && self.new_failure(snapshot, failures).is_some())
        });
        let snapshot = self
            .bounded(self.start_deadline(), "did not become healthy", settled)
            .await?;
        if snapshot.state.phase.is_reachable() || snapshot.state.phase == Phase::Finished {
            return Ok(());
        }
        let failure = self.new_failure(&snapshot, failures).cloned();
        let (kind, message) = match &failure {
            Some(failure) => (kind_of(failure.cause), failure.to_string()),
            None => (
                ErrorKind::Failed,
                "it was stopped before it was healthy".to_owned(),
            ),
        };
        let error = Error::new(kind, message).with_plugin(self.id());
        Err(error.with_failure(failure))
    }

    /// The failure of a run, or one that holds the plugin; an engine that does not
    /// answer is waited for.
    #[expect(clippy::unused_self, reason = "reads like the question that it answers")]
    fn new_failure<'a>(&self, snapshot: &'a Snapshot, failures: u64) -> Option<&'a Failure> {
        let failure = snapshot.state.failure.as_ref()?;
        let new = snapshot.failures > failures && failure.cause != FailureCause::Engine;
        (new || snapshot.state.phase == Phase::Failed).then_some(failure)
    }

    /// One that depends on others has to wait for them first.
    fn start_deadline(&self) -> Duration {
        let waits = !self.manifest().depends_on().is_empty();
        START_DEADLINE + self.0.shared.dependency_wait * u32::from(waits)
    }

    /// A stop, a copy of the data, a start, and the watch; and all of it again for the way back.
    pub(crate) fn update_deadline(&self, to: &Manifest) -> Duration {
        let start_period = to.health_check().start_period();
        let watch = self.0.shared.probation.for_start_period(start_period).longest();
        let waits = self.0.shared.dependency_wait;
        (self.stop_deadline() + deadline::DATA + self.start_deadline() + waits) * 2 + watch
    }

    pub(super) fn stop_deadline(&self) -> Duration {
        STOP_DEADLINE + self.0.shared.policy.stop_grace(&self.manifest())
    }
}

/// What a caller of a start is told of a failure.
const fn kind_of(cause: FailureCause) -> ErrorKind {
    match cause {
        FailureCause::NotPermitted => ErrorKind::NotPermitted,
        FailureCause::Dependency => ErrorKind::Dependency,
        _ => ErrorKind::Failed,
    }
}
