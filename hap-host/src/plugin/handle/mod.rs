mod calls;
mod data;
mod followed_logs;
mod lifecycle;
mod limits;
pub(crate) mod log_place;
pub(crate) mod log_reading;
pub(crate) mod logs;
mod overrides;
pub(crate) mod permissions;
pub(crate) mod plugin_call;
pub(crate) mod state_watch;
pub(crate) mod stop_request;
pub(crate) mod uninstall;
mod update;
pub(crate) mod update_request;
mod usage;

use std::{sync::Arc, time::Duration};

use hap_manifest::{Manifest, PluginId};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    context::Shared,
    dependents,
    request::{Envelope, Request, Stop},
    settings::ConfigDesk,
    snapshot::Snapshot,
    usage::UsageMeter,
    waiting_calls::CallBook,
};
use crate::{
    engine::observed::ContainerId,
    error::{Error, ErrorKind},
    metrics::counters::PluginCounters,
    model::{activity::Activity, desired::Desired, phase::Phase, state::PluginState},
    protocol::{
        client::{PluginClient, concurrency::CallGate},
        events::subscribe::PluginEvent,
    },
};

/// One installed plugin: what to do with it and how to talk to it.
///
/// Cheap to clone and to send between tasks. A handle keeps nothing running; after the plugin was
/// uninstalled every call returns [`ErrorKind::Gone`]. Calls that change what is wanted write it to
/// disk before anything happens, so dropping their future, or killing the host, loses nothing that
/// they have recorded.
#[derive(Clone)]
pub struct PluginHandle(Arc<Cell>, Option<Duration>);

pub(crate) struct Cell {
    pub id: PluginId,
    pub mailbox: mpsc::Sender<Envelope>,
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

    /// What is going on with the plugin: the operation on the engine that is under way, and the
    /// calls that wait for the plugin, each with its beginning.
    #[must_use]
    pub fn activity(&self) -> Activity {
        Activity {
            operation: self.0.snapshot.borrow().state.operation,
            calls: self.0.calls.waiting(),
        }
    }

    /// The same plugin by a handle whose calls that wait for the plugin give up after this time, in
    /// place of their own deadlines: [`start`](Self::start), [`stop`](Self::stop),
    /// [`restart`](Self::restart), [`uninstall`](Self::uninstall),
    /// [`rotate_secrets`](Self::rotate_secrets) and [`set_env`](Self::set_env). What they have
    /// recorded goes on all the same.
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

    /// Waits until the plugin's state satisfies `wanted`, and returns it. There is no deadline:
    /// put one around it.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`] when the plugin is uninstalled meanwhile, [`ErrorKind::ShuttingDown`]
    /// when the supervisor ends.
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
    /// [`uninstall`](Self::uninstall) removes it all the same when the request says so.
    /// [`ErrorKind::Store`] when it could not be recorded (nothing has changed then),
    /// [`ErrorKind::Gone`], [`ErrorKind::ShuttingDown`], or [`ErrorKind::Busy`] when too many calls
    /// wait for this plugin.
    ///
    /// # Cancel safety
    /// When the future is dropped, it may or may not have been recorded.
    pub async fn set_desired(&self, desired: Desired) -> Result<(), Error> {
        if let Desired::Removed { .. } = desired {
            self.refuse_if_needed()?;
        }
        self.desire(desired, Stop::Graceful).await
    }

    async fn desire(&self, desired: Desired, stop: Stop) -> Result<(), Error> {
        self.request(|reply| Request::Desire(desired, stop, reply)).await
    }

    /// A plugin that is gone is needed by nobody any more.
    fn refuse_if_needed(&self) -> Result<(), Error> {
        if self.0.snapshot.borrow().state.phase == Phase::Removed {
            return Ok(());
        }
        dependents::refuse_if_needed(&self.0.shared, self.id())
    }

    /// The last event of type `status` that the plugin sent on its own, kept also after retention
    /// took it from the log; `None` when it never sent one.
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

    fn container(&self) -> Option<ContainerId> {
        self.0.snapshot.borrow().state.container.clone()
    }

    /// The way to the running plugin. One that is starting may be asked too: it answers, or cannot
    /// be connected to.
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
            (None, Desired::Running) => match snapshot.state.unmet_dependencies.first() {
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

    pub(crate) async fn wait(&self, wanted: impl FnMut(&Snapshot) -> bool) -> Result<Snapshot, Error> {
        let mut receiver = self.0.snapshot.clone();
        match receiver.wait_for(wanted).await {
            Ok(snapshot) => Ok(snapshot.clone()),
            Err(_) => Err(self.ended()),
        }
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

    /// Why the actor is no longer there.
    pub(crate) fn ended(&self) -> Error {
        if self.0.snapshot.borrow().state.phase == Phase::Removed {
            return Error::new(ErrorKind::Gone, "it was uninstalled").with_plugin(self.id());
        }
        shutting_down()
    }

    fn halt(&self, stop: Stop) {
        // A full mailbox is retried by the caller's loop; a closed one has nothing to halt.
        let _ = self.0.mailbox.try_send(Request::Halt(stop).into());
    }

    /// Stops the plugin because the host shuts down; kills it once `force` says so.
    pub(crate) async fn halted(&self, force: &watch::Sender<bool>) -> bool {
        let mut forced = force.subscribe();
        loop {
            let is_forced = *forced.borrow_and_update();
            self.halt(Stop::forced(is_forced));
            tokio::select! {
                down = self.wait(|snapshot| snapshot.halted) => {
                    return down.map_or_else(|error| error.kind() == ErrorKind::Gone, |_| true);
                }
                Ok(()) = forced.changed() => {}
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
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
