mod calls;
mod limits;
pub(crate) mod logs;
mod overrides;
pub(crate) mod permissions;
pub(crate) mod state_watch;
mod update;

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use hap_manifest::{Manifest, PluginId};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::Instrument as _;

use self::logs::LogStream;
use super::{
    context::Shared,
    dependents,
    options::UninstallOptions,
    request::{Posted, Request},
    settings::ConfigDesk,
    snapshot::Snapshot,
    usage::{Usage, UsageMeter},
    waiting_calls::CallBook,
};
use crate::{
    engine::{
        deadline::{self, within},
        error::EngineErrorKind,
        observed::ContainerId,
        stream::{LogLine, LogOptions, StatsSample},
    },
    error::{Error, ErrorKind},
    metrics::counters::PluginCounters,
    model::{
        activity::Activity,
        desired::Desired,
        failure::{Failure, FailureCause},
        phase::Phase,
        state::PluginState,
    },
    protocol::{
        client::{PluginClient, concurrency::CallGate},
        events::subscribe::PluginEvent,
    },
};

/// Longest wait of [`PluginHandle::start`] and [`PluginHandle::restart`]. A plugin that is neither healthy nor
/// failed by then has an engine that does not answer.
const START_DEADLINE: Duration = Duration::from_secs(300);
/// Longest wait of [`PluginHandle::stop`] and [`PluginHandle::uninstall`], on top of the plugin's own grace.
const STOP_DEADLINE: Duration = Duration::from_secs(90);

/// One installed plugin: what to do with it and how to talk to it.
///
/// Cheap to clone and to send between tasks. A handle keeps nothing running; after the plugin was uninstalled every
/// call returns [`ErrorKind::Gone`]. Calls that change what is wanted write it to disk before anything happens,
/// so dropping their future, or killing the host, loses nothing that they have recorded.
#[derive(Clone)]
pub struct PluginHandle(Arc<Cell>, Option<Duration>);

pub(crate) struct Cell {
    pub id: PluginId,
    pub mailbox: mpsc::Sender<Posted>,
    pub snapshot: watch::Receiver<Snapshot>,
    pub config: Arc<ConfigDesk>,
    pub gate: CallGate,
    pub meter: UsageMeter,
    pub calls: CallBook,
    pub counters: Arc<PluginCounters>,
    /// Held by whoever prepares an update.
    pub updating: tokio::sync::Mutex<()>,
    pub shared: Arc<Shared>,
}

impl PluginHandle {
    pub(crate) fn new(cell: Cell) -> Self {
        Self(Arc::new(cell), None)
    }

    pub(crate) fn cell(&self) -> &Cell {
        &self.0
    }

    /// The plugin's id.
    #[must_use]
    pub fn id(&self) -> &PluginId {
        &self.0.id
    }

    /// The manifest of the version that it has now.
    #[must_use]
    pub fn manifest(&self) -> Arc<Manifest> {
        Arc::clone(&self.0.snapshot.borrow().told.manifest)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.0.snapshot.borrow().clone()
    }

    /// A snapshot of the plugin, without waiting.
    #[must_use]
    pub fn state(&self) -> PluginState {
        let mut state = self.0.snapshot.borrow().state.clone();
        // A call that configured the plugin is seen by its caller at once.
        state.config = self.0.config.state();
        state
    }

    /// What is going on with the plugin: the operation on the engine that is under way, and the calls that wait for the
    /// plugin, each with its beginning.
    #[must_use]
    pub fn activity(&self) -> Activity {
        Activity {
            operation: self.0.snapshot.borrow().state.operation,
            calls: self.0.calls.waiting(),
        }
    }

    /// The same plugin by a handle whose calls that wait for the plugin give up after this time, in place of their own
    /// deadlines: [`start`](Self::start), [`stop`](Self::stop), [`restart`](Self::restart), [`uninstall`](Self::uninstall),
    /// [`rotate_secrets`](Self::rotate_secrets) and [`set_env`](Self::set_env). What they have recorded goes on all the same.
    ///
    /// ```
    /// # async fn run(light: hap_host::PluginHandle) -> Result<(), hap_host::Error> {
    /// use std::time::Duration;
    ///
    /// light.with_deadline(Duration::from_secs(20)).start().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        Self(Arc::clone(&self.0), Some(deadline))
    }

    /// Waits until the plugin's state satisfies `wanted`, and returns it. There is no deadline: put one around it.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`] when the plugin is uninstalled meanwhile, [`ErrorKind::ShuttingDown`] when the
    /// supervisor ends.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn wait_for(&self, mut wanted: impl FnMut(&PluginState) -> bool) -> Result<PluginState, Error> {
        let snapshot = self.wait(|snapshot| wanted(&snapshot.state)).await?;
        Ok(snapshot.state)
    }

    /// Records what is wanted and returns; what follows happens in the background.
    ///
    /// # Errors
    /// [`ErrorKind::Dependency`] when it shall be removed and others depend on it:
    /// [`uninstall`](Self::uninstall) removes it all the same where its options say so. [`ErrorKind::Store`] when it could not be recorded (nothing has changed then), [`ErrorKind::Gone`],
    /// [`ErrorKind::ShuttingDown`], or [`ErrorKind::Busy`] when too many calls wait for this plugin.
    ///
    /// # Cancel safety
    /// When the future is dropped, it may or may not have been recorded.
    pub async fn set_desired(&self, desired: Desired) -> Result<(), Error> {
        if let Desired::Removed { .. } = desired {
            self.refuse_if_needed()?;
        }
        self.desire(desired).await
    }

    async fn desire(&self, desired: Desired) -> Result<(), Error> {
        self.request(|reply| Request::Desire(desired, reply)).await
    }

    /// A plugin that is gone is needed by nobody any more.
    fn refuse_if_needed(&self) -> Result<(), Error> {
        if self.0.snapshot.borrow().state.phase == Phase::Removed {
            return Ok(());
        }
        dependents::refuse_if_needed(&self.0.shared, self.id())
    }

    /// Makes the plugin run, and waits until it is healthy. Fine when it is already, and when it ended well and is not one
    /// that is started again for that ([`Phase::Finished`]).
    ///
    /// # Errors
    /// [`ErrorKind::Failed`] with the diagnosis ([`Error::failure`]) when a run of it fails first; unless the cause is permanent the
    /// supervisor goes on trying in the background. [`ErrorKind::Dependency`] when what it depends on was not healthy for as
    /// long as [`dependency_wait`](crate::supervisor::builder::SupervisorBuilder::dependency_wait) says: it starts as soon as that is.
    /// [`ErrorKind::NotPermitted`]. [`ErrorKind::Timeout`] when neither happens within 5 minutes, and the wait for what it
    /// depends on. Also as [`set_desired`](Self::set_desired).
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

    /// Stops the plugin, and waits until it is down. Fine when it is already. Whatever its exit code, a stop that
    /// was asked for is no failure.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] when the engine did not get it down; the supervisor goes on trying. Also as
    /// [`set_desired`](Self::set_desired).
    ///
    /// # Cancel safety
    /// Once recorded, the stop goes on when the future is dropped.
    pub async fn stop(&self) -> Result<(), Error> {
        self.lifecycle("stop", async {
            self.set_desired(Desired::Stopped).await?;
            let down = self.wait(|s| s.state.phase == Phase::Stopped || s.state.desired != Desired::Stopped);
            self.bounded(self.stop_deadline(), "did not stop", down)
                .await
                .map(drop)
        })
        .await
    }

    /// Stops the plugin, starts it again and waits until it is healthy.
    ///
    /// # Errors
    /// [`ErrorKind::NotRunning`] when it is not wanted running; else as [`start`](Self::start).
    ///
    /// # Cancel safety
    /// Once accepted, the restart goes on when the future is dropped.
    pub async fn restart(&self) -> Result<(), Error> {
        self.lifecycle("restart", async {
            let before = self.progress();
            self.request(Request::Restart).await?;
            self.healthy_after(before).await
        })
        .await
    }

    /// Gives the plugin a new token and a new webhook secret, and returns when it runs with them.
    ///
    /// The new keys are on disk before anything else happens. They are part of the container's environment, so a plugin
    /// that shall run is stopped, its container made anew and started; its volumes stay. Until the old container is
    /// gone its keys stay good, so neither an event nor a call is refused meanwhile; then they are worthless. A plugin
    /// that does not run gets its new keys with its next start, and the old ones are worthless at once.
    ///
    /// # Errors
    /// [`ErrorKind::Store`]: nothing has changed. [`ErrorKind::Failed`] and [`ErrorKind::Timeout`] as
    /// [`start`](Self::start): the new keys hold, and the supervisor goes on trying to start the plugin. Also
    /// [`ErrorKind::Gone`], [`ErrorKind::ShuttingDown`] and [`ErrorKind::Busy`].
    ///
    /// # Cancel safety
    /// Once recorded, the rotation goes on when the future is dropped, and after a host that was killed.
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

    /// Removes the plugin, and waits until nothing of it is left but, unless told otherwise, its volumes. Fine when it is
    /// gone already. A removal is not taken back: until it is done every other call returns [`ErrorKind::Gone`], and once
    /// its data shall be removed they are.
    ///
    /// # Errors
    /// [`ErrorKind::Dependency`] when others depend on it, unless the options say otherwise: nothing has changed then.
    /// [`ErrorKind::Gone`] when its data shall be removed and it is gone without them. [`ErrorKind::Timeout`] when the engine did not get it done; the supervisor goes on trying. Also as
    /// [`set_desired`](Self::set_desired).
    ///
    /// # Cancel safety
    /// Once recorded, the removal goes on when the future is dropped.
    pub async fn uninstall(&self, options: UninstallOptions) -> Result<(), Error> {
        self.lifecycle("uninstall", self.remove(options)).await
    }

    async fn remove(&self, options: UninstallOptions) -> Result<(), Error> {
        if !options.even_if_needed {
            self.refuse_if_needed()?;
        }
        let with_data = options.remove_data;
        match self.desire(Desired::Removed { with_data }).await {
            // Somebody else's removal came first.
            Err(error) if error.kind() == ErrorKind::Gone => {}
            recorded => recorded?,
        }
        let mut snapshot = self.0.snapshot.clone();
        // The actor ends, and with it the channel, only after the record is gone from the disk.
        let gone = async move {
            while snapshot.changed().await.is_ok() {}
            let state = snapshot.borrow().state.clone();
            match state.desired {
                _ if state.phase != Phase::Removed => Err(shutting_down()),
                Desired::Removed { with_data: false } if with_data => {
                    let message = "it was uninstalled before, and its data was kept";
                    Err(Error::new(ErrorKind::Gone, message).with_plugin(self.id()))
                }
                _ => Ok(()),
            }
        };
        self.bounded(self.stop_deadline(), "was not removed", gone).await
    }

    /// The last event of type `status` that the plugin sent on its own, kept also after retention took it from the
    /// log; `None` when it never sent one.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] when the disk fails.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn last_pushed_status(&self) -> Result<Option<PluginEvent>, Error> {
        let stored = self.0.shared.store.last_status(self.id()).await?;
        Ok(stored.map(PluginEvent::from))
    }

    /// The plugin's output. Without a container there is none, and the stream is empty.
    ///
    /// The plugin's keys and secret settings are shown as `[REDACTED]` where they stand in a line as they are.
    #[must_use]
    pub fn logs(&self, options: &LogOptions) -> LogStream {
        match self.container() {
            Some(container) => {
                let stream = self.0.shared.engine.logs(&container, options);
                let desk = Arc::clone(&self.0.config);
                let clean = move |mut line: LogLine| {
                    line.text = desk.redactor().owned(line.text);
                    line
                };
                LogStream::new(
                    stream
                        .map(move |line| line.map(&clean).map_err(Error::engine))
                        .boxed(),
                )
            }
            None => LogStream::new(futures_util::stream::empty().boxed()),
        }
    }

    /// One sample of the plugin's resource use.
    ///
    /// # Errors
    /// [`ErrorKind::NotRunning`] without a container, [`ErrorKind::Engine`] and [`ErrorKind::Timeout`] when the engine
    /// does not tell.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn stats(&self) -> Result<StatsSample, Error> {
        let container = self.container().ok_or_else(|| self.not_running())?;
        let call = self.0.shared.engine.stats(&container);
        within(deadline::CONTROL, "stats", &container, call)
            .await
            .map_err(|error| {
                if error.kind() == EngineErrorKind::NotFound {
                    self.not_running()
                } else {
                    Error::engine(error)
                }
            })
    }

    /// One sample of the plugin's resource use, and its CPU use since an earlier one. What is sampled here is in the
    /// [metrics](crate::supervisor::Supervisor::metrics) for five minutes.
    ///
    /// # Errors
    /// As [`stats`](Self::stats).
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn usage(&self) -> Result<Usage, Error> {
        let container = self.container().ok_or_else(|| self.not_running())?;
        let sample = self.stats().await?;
        self.0.counters.sampled(sample);
        Ok(self
            .0
            .meter
            .measure(&container, sample, tokio::time::Instant::now()))
    }

    fn container(&self) -> Option<ContainerId> {
        self.0.snapshot.borrow().state.container.clone()
    }

    /// The way to the running plugin. One that is starting may be asked too: it answers, or cannot be connected to.
    pub(crate) fn client(&self) -> Result<PluginClient, Error> {
        self.0
            .snapshot
            .borrow()
            .client
            .clone()
            .ok_or_else(|| self.not_running())
    }

    fn not_running(&self) -> Error {
        let snapshot = self.0.snapshot.borrow();
        let message = match (&snapshot.state.failure, snapshot.state.desired) {
            (Some(failure), _) => format!("it does not run now: {}", failure.message),
            (None, Desired::Running) => match snapshot.state.waiting_for.first() {
                Some(unmet) if snapshot.state.phase == Phase::Waiting => {
                    format!("it does not run yet, it waits for {unmet}")
                }
                _ => format!("it does not run yet, its phase is {}", snapshot.state.phase),
            },
            (None, _) => "it does not run: start it first".to_owned(),
        };
        Error::new(ErrorKind::NotRunning, message).with_plugin(self.id())
    }

    pub(crate) async fn request<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Request,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.0
            .mailbox
            .try_send(request(reply).into())
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => {
                    let message = "too many calls wait for this plugin: try again in a moment";
                    Error::new(ErrorKind::Busy, message).with_plugin(self.id())
                }
                mpsc::error::TrySendError::Closed(_) => self.ended(),
            })?;
        answer.await.map_err(|_| self.ended())?
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

    pub(crate) async fn wait(&self, wanted: impl FnMut(&Snapshot) -> bool) -> Result<Snapshot, Error> {
        let mut receiver = self.0.snapshot.clone();
        match receiver.wait_for(wanted).await {
            Ok(snapshot) => Ok(snapshot.clone()),
            Err(_) => Err(self.ended()),
        }
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

    /// Waits until the plugin is healthy in a run after `runs`, or a run after `failures` has failed.
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

    /// The failure of a run, or one that holds the plugin; an engine that does not answer is waited for.
    #[expect(clippy::unused_self, reason = "reads like the question that it answers")]
    fn new_failure<'a>(&self, snapshot: &'a Snapshot, failures: u64) -> Option<&'a Failure> {
        let failure = snapshot.state.failure.as_ref()?;
        let new = snapshot.failures > failures && failure.cause != FailureCause::Engine;
        (new || snapshot.state.phase == Phase::Failed).then_some(failure)
    }

    pub(crate) async fn bounded<T>(
        &self,
        limit: Duration,
        what: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let limit = self.1.unwrap_or(limit);
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            let state = self.state();
            let failure = state.failure.as_ref();
            let why = failure.map(|failure| format!("; {failure}")).unwrap_or_default();
            let message = format!("{what} within {limit:?}: its phase is {}{why}", state.phase);
            let error = Error::new(ErrorKind::Timeout, message).with_plugin(self.id());
            Err(error.with_failure(state.failure))
        })
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

    fn stop_deadline(&self) -> Duration {
        STOP_DEADLINE + self.manifest().stop_timeout().unwrap_or_default()
    }

    /// Why the actor is no longer there.
    pub(crate) fn ended(&self) -> Error {
        if self.0.snapshot.borrow().state.phase == Phase::Removed {
            return Error::new(ErrorKind::Gone, "it was uninstalled").with_plugin(self.id());
        }
        shutting_down()
    }

    pub(crate) fn halt(&self) {
        // A full mailbox is retried by the caller's loop; a closed one has nothing to halt.
        let _ = self.0.mailbox.try_send(Request::Halt.into());
    }

    pub(crate) async fn halted(&self) -> bool {
        loop {
            self.halt();
            let waited =
                tokio::time::timeout(Duration::from_secs(1), self.wait(|snapshot| snapshot.halted)).await;
            match waited {
                Ok(Ok(_)) => return true,
                Ok(Err(error)) => return error.kind() == ErrorKind::Gone,
                Err(_) => {}
            }
        }
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

fn shutting_down() -> Error {
    Error::new(ErrorKind::ShuttingDown, "the supervisor shuts down")
}

impl std::fmt::Debug for PluginHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginHandle")
            .field("id", self.id())
            .field("phase", &self.state().phase)
            .finish()
    }
}
