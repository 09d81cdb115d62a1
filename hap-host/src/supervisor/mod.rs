//! All plugins of one instance: what an embedder holds, and the tasks that serve every plugin.

pub(crate) mod builder;
pub(crate) mod config;
mod dispatch;
pub(crate) mod event_stream;
mod host_watch;
pub(crate) mod install;
mod isolation;
mod log_forwarding;
pub(crate) mod options;
pub(crate) mod orphans;
mod registry;
pub(crate) mod review;
mod shutdown;
mod snapshots;
#[cfg(all(test, feature = "testing"))]
mod tests;
mod usage_sampling;

use std::{sync::Arc, time::Duration};

use hap_manifest::PluginId;
use tokio::sync::mpsc;

use self::{
    dispatch::{Hints, ask},
    event_stream::EventStream,
    log_forwarding::forward,
    options::ShutdownMode,
    registry::Registry,
    shutdown::stop_all,
};
use crate::{
    engine::{
        EngineCapabilities,
        deadline::{self, within},
        info::EngineInfo,
    },
    error::{Error, ErrorKind},
    metrics::scrape::{PluginScrape, Scrape},
    model::{
        activity::InstallProgress, host_problem::HostProblem, isolation::IsolationState, keys::random,
        record::PluginRecord, second_container::SecondContainer,
    },
    plugin::{
        actor::{Actor, MAILBOX, Parts},
        context::Shared,
        handle::{Cell, PluginHandle},
        settings::ConfigDesk,
        usage::UsageMeter,
        waiting_calls::CallBook,
    },
    policy::Policy,
    protocol::{
        client::concurrency::CallGate,
        events::{
            Inbox,
            listener::Listener,
            subscribe::{PluginEvents, SubscribeOptions},
        },
    },
};

/// Runs other people's plugins: installs, isolates, limits, starts, watches and heals them.
///
/// Cheap to clone; all clones are one supervisor. It remembers in its state folder what is wanted
/// of each plugin, before it does anything, so a host that was killed at any instant goes on where
/// it was. Plugins that run when it starts are adopted, not restarted.
///
/// When the last clone is dropped its tasks end and the plugins are left running, without
/// supervision; nothing blocks. [`shutdown`](Self::shutdown) is the orderly way.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # async fn run(state: &std::path::Path) -> Result<(), hap_host::Error> {
/// use hap_host::{ShutdownMode, Supervisor, engine::FakeEngine};
///
/// let engine = FakeEngine::new();
/// let supervisor = Supervisor::builder(engine, state).start().await?;
/// assert!(supervisor.plugins().is_empty());
/// supervisor.shutdown(ShutdownMode::StopPlugins).await?;
/// # Ok(())
/// # }
/// # #[cfg(feature = "testing")]
/// # tokio::runtime::Runtime::new().unwrap().block_on(run(tempfile::tempdir().unwrap().path())).unwrap();
/// ```
#[derive(Clone)]
pub struct Supervisor(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub shared: Arc<Shared>,
    pub registry: Registry,
    pub inbox: Inbox,
    pub listener: Listener,
    pub hints: Hints,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.cancel.cancel();
    }
}

/// Longest wait for the supervisor's tasks to end at a shutdown.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(30);
/// Time for requests of plugins that are under way at a shutdown.
const LISTENER_GRACE: Duration = Duration::from_secs(2);

impl Supervisor {
    pub(crate) fn from_inner(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// What the engine gives: ask it whether plugins are isolated and limited.
    #[must_use]
    pub fn capabilities(&self) -> EngineCapabilities {
        self.0.shared.engine.capabilities()
    }

    /// What the engine said that it is, when the supervisor started or when it last connected to
    /// the engine anew.
    #[must_use]
    pub fn engine_info(&self) -> EngineInfo {
        self.0.shared.engine_info.borrow().clone()
    }

    /// Asks the engine what it is: whether it answers now.
    ///
    /// # Errors
    /// [`ErrorKind::Engine`] when it does not, [`ErrorKind::Timeout`] when it has not within 5 s.
    /// Plugins are neither started nor stopped then; those that run go on.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # async fn run(state: &std::path::Path) -> Result<(), hap_host::Error> {
    /// use hap_host::{Supervisor, engine::FakeEngine};
    ///
    /// let supervisor = Supervisor::builder(FakeEngine::new(), state).start().await?;
    /// println!("{}", supervisor.ask_engine().await?);
    /// # Ok(())
    /// # }
    /// # #[cfg(feature = "testing")]
    /// # tokio::runtime::Runtime::new().unwrap().block_on(run(tempfile::tempdir().unwrap().path())).unwrap();
    /// ```
    pub async fn ask_engine(&self) -> Result<EngineInfo, Error> {
        let shared = &self.0.shared;
        let info = ask(&shared.engine).await.map_err(Error::engine)?;
        Ok(shared.learn(info))
    }

    /// What plugins may have here. [`Policy::evaluate`] tells before an installation
    /// what it would take.
    #[must_use = "it is asked what it says"]
    pub fn policy(&self) -> &Policy {
        &self.0.shared.policy
    }

    /// The plugin of that id, if it is installed.
    #[must_use]
    pub fn plugin(&self, id: &PluginId) -> Option<PluginHandle> {
        self.0.registry.get(id)
    }

    /// All installed plugins, by id.
    #[must_use]
    pub fn plugins(&self) -> Vec<PluginHandle> {
        self.0.registry.all()
    }

    /// The installations that are under way, by id: what they are doing, and since when.
    #[must_use]
    pub fn installing(&self) -> Vec<InstallProgress> {
        self.0.registry.installing()
    }

    /// Containers that carry a plugin's labels and are not the plugin's own, as they were seen last:
    /// at the start, with each list of all containers, and whenever a plugin's container was looked
    /// for.
    #[must_use]
    pub fn second_containers(&self) -> Vec<SecondContainer> {
        self.0.shared.ownership.second_containers()
    }

    /// Whether plugins are kept apart from each other, as it was measured last: soon after the start,
    /// after each change of their networks, when the engine comes back, and
    /// [from time to time](crate::SupervisorBuilder::measure_isolation_every).
    #[must_use]
    pub fn isolation(&self) -> IsolationState {
        self.0.shared.isolation.borrow().clone()
    }

    /// Measures now whether plugins are kept apart, as after a firewall was set up anew. It takes some
    /// seconds.
    ///
    /// # Errors
    /// [`ErrorKind::Engine`] and [`ErrorKind::Timeout`] when it could not be measured.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the measurement; the state stays as it was.
    pub async fn measure_isolation(&self) -> Result<IsolationState, Error> {
        let measured = isolation::measure(&self.0.shared).await;
        measured.map(|()| self.isolation()).map_err(Error::engine)
    }

    /// What is wrong with the host itself now, and with no plugin: what it lacks to ask plugins for
    /// their health, a state folder that is gone, a disk that is full. It is empty on a host that is
    /// well.
    #[must_use]
    pub fn problems(&self) -> Vec<HostProblem> {
        self.0.shared.problems.all()
    }

    /// What happens to plugins, and to the host as a whole, from now on.
    #[must_use]
    pub fn events(&self) -> EventStream {
        let shared = &self.0.shared;
        let receivers = (shared.events.subscribe(), shared.host_events.subscribe());
        EventStream::new(receivers, shared.cancel.clone())
    }

    /// What plugins send: their events and status reports, durable before they were acknowledged.
    pub fn plugin_events(&self, options: SubscribeOptions) -> PluginEvents {
        self.0.inbox.subscribe(options)
    }

    /// The event listener's routes, to be mounted in a server of the embedder's too. They
    /// authenticate by themselves: each plugin signs with its own secret.
    pub fn events_router(&self) -> axum::Router {
        self.0.inbox.router()
    }

    /// Everything that is counted, as text in the OpenMetrics format, which Prometheus reads: its
    /// content type is [`METRICS_CONTENT_TYPE`](Self::METRICS_CONTENT_TYPE). The families are
    /// listed in `docs/operations.md`.
    ///
    /// Resource use is in it for plugins that were sampled lately: by [`PluginHandle::usage`] or by
    /// [`SupervisorBuilder::sample_usage`](crate::SupervisorBuilder::sample_usage).
    #[must_use]
    pub fn metrics(&self) -> String {
        let plugins = self.plugins().into_iter().map(|plugin| PluginScrape {
            id: plugin.id().to_string(),
            state: plugin.state(),
            counters: Arc::clone(&plugin.cell().counters),
        });
        let (last_event, reader_lags) = self.0.inbox.lag();
        let metrics = &self.0.shared.metrics;
        metrics.text(Scrape {
            plugins: plugins.collect(),
            last_event,
            reader_lags,
            second_containers: u64::try_from(self.second_containers().len()).unwrap_or(u64::MAX),
            isolation: self.isolation().as_str(),
            ..Scrape::default()
        })
    }

    /// The media type of [`metrics`](Self::metrics).
    pub const METRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// The port on which plugins reach the platform.
    #[must_use]
    pub fn events_port(&self) -> u16 {
        self.0.shared.port
    }

    /// Ends the supervisor. Fine when it has ended already.
    ///
    /// With [`ShutdownMode::StopPlugins`] all plugins are stopped first, in parallel, but each
    /// after those that depend on it; what is wanted of them stays as it is. What has not stopped
    /// near the end of [`shutdown_timeout`](crate::SupervisorBuilder::shutdown_timeout) is killed,
    /// whatever its manifest says. Networks of the instance are removed when no plugin is installed.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] when the engine did not get a plugin down by then. The supervisor has
    /// ended all the same.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the supervisor half shut down; call it again.
    pub async fn shutdown(&self, how: ShutdownMode) -> Result<(), Error> {
        let shared = &self.0.shared;
        let mut late = Vec::new();
        if how == ShutdownMode::StopPlugins && !shared.cancel.is_cancelled() {
            let board = shared.board.borrow().clone();
            late = stop_all(self.plugins(), &board, shared.shutdown_timeout).await;
        }
        // Plugins that were stopped have sent their last events by now; the listener
        // goes after them.
        self.0.listener.shutdown(LISTENER_GRACE).await;
        shared.cancel.cancel();
        shared.tasks.close();
        let ended = tokio::time::timeout(SHUTDOWN_DEADLINE, shared.tasks.wait())
            .await
            .is_ok();
        if self.0.registry.all().is_empty() {
            let teardown = shared.engine.teardown(&shared.instance);
            if let Err(error) = within(deadline::CONTROL, "teardown", &shared.instance, teardown).await {
                tracing::warn!(error = %crate::engine::report::report(&error), "the networks could not be removed");
            }
        }
        // Handles may live on; the folder is free for the next supervisor all the same.
        shared.store.close().await;
        if !late.is_empty() {
            let names: Vec<_> = late.iter().map(PluginId::as_str).collect();
            let message = format!("not stopped in time: {}", names.join(", "));
            return Err(Error::new(ErrorKind::Timeout, message));
        }
        if !ended {
            return Err(Error::new(
                ErrorKind::Timeout,
                "the supervisor's tasks did not end in time",
            ));
        }
        Ok(())
    }
}

impl Inner {
    /// Starts the actor of a recorded plugin and enters its handle.
    pub(crate) fn adopt(&self, record: PluginRecord) -> PluginHandle {
        let id = record.manifest.id().clone();
        self.shared.credentials.set(&id, &record.keys);
        let (mailbox, requests) = mpsc::channel(MAILBOX);
        let config = Arc::new(ConfigDesk::new(&record.manifest, record.config.clone()));
        let parts = Parts {
            record,
            config: Arc::clone(&config),
            mailbox: requests,
            hints: self.hints.subscribe(&id),
            // Jitter only: without randomness all plugins share one rhythm, and
            // nothing else is lost.
            seed: random::<8>().map_or(1, u64::from_le_bytes),
        };
        let (mut actor, snapshot) = Actor::new(Arc::clone(&self.shared), parts);
        let shared = Arc::clone(&self.shared);
        let handle = PluginHandle::new(Cell {
            id: id.clone(),
            mailbox,
            snapshot,
            config,
            gate: CallGate::new(shared.parallel_calls),
            meter: UsageMeter::default(),
            calls: CallBook::default(),
            counters: shared.metrics.install(&id),
            updating: tokio::sync::Mutex::default(),
            shared,
        });
        self.registry.insert(handle.clone());
        if let Some(options) = self.shared.forwarding {
            let counters = self.shared.metrics.install(&id);
            let listed = self.shared.listed.borrow().clone();
            let adopted = listed.and_then(|listing| listing.ours.get(&id).cloned());
            let forwarding = forward(handle.clone(), adopted, options, counters);
            let cancel = self.shared.cancel.clone();
            let task = async move { cancel.run_until_cancelled(forwarding).await };
            self.shared.tasks.spawn(task);
        }
        let (registry, hints) = (self.registry.clone(), self.hints.clone());
        self.shared.tasks.spawn(async move {
            actor.run().await;
            if actor.is_removed() {
                registry.remove(&id);
                hints.forget(&id);
            }
            // Only now does the channel of snapshots close, which is what `uninstall` waits for.
            drop(actor);
        });
        handle
    }
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor")
            .field("instance", &self.0.shared.instance)
            .field("plugins", &self.0.registry.all())
            .finish_non_exhaustive()
    }
}
