use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use hap_manifest::PluginId;
use tokio::sync::{Notify, Semaphore, broadcast, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    host_problems::HostProblems,
    ownership::Ownership,
    source::{pulls::Pulls, staging::Staging},
    volume_marks::VolumeMarks,
};
use crate::{
    engine::{Engine, HostEndpoints, info::EngineInfo, instance::InstanceName, listing::Listing},
    metrics::Metrics,
    model::{
        event::{Event, HostEvent},
        isolation::IsolationState,
        limits::DefaultLimits,
        log_forwarding::LogForwarding,
        run_policy::{HealthPolicy, ProbationPolicy, RestartPolicy},
    },
    policy::Policy,
    protocol::{
        client::http::Http,
        events::{Inbox, credentials::Credentials},
    },
    reconcile::dependencies::Board,
    store::Store,
};

/// What all tasks of one supervisor share. Nothing in it is locked across an await.
#[derive(Debug)]
pub(crate) struct Shared {
    pub engine: Arc<dyn Engine>,
    /// What the engine said last that it is.
    pub engine_info: watch::Sender<EngineInfo>,
    pub instance: InstanceName,
    pub store: Store,
    /// Whose the containers are that carry this supervisor's labels.
    pub ownership: Ownership,
    /// Which volumes plugins had.
    pub volumes: VolumeMarks,
    pub credentials: Credentials,
    /// Where plugins find the host, as the engine said last: networks that were removed by hand may
    /// come back elsewhere.
    pub platform: watch::Sender<HostEndpoints>,
    /// Port of the event listener, the same on all addresses.
    pub port: u16,
    pub limits: DefaultLimits,
    pub policy: Policy,
    /// What plugins know of each other. Posted to by their actors alone.
    pub board: watch::Sender<Board>,
    /// How long a start waits for dependencies before that counts as a failure.
    pub dependency_wait: Duration,
    /// Longest time for plugins to stop when the host shuts down.
    pub shutdown_timeout: Duration,
    pub restart: RestartPolicy,
    /// Whether the engine starts plugins again while nobody supervises them.
    pub outlive: bool,
    pub health: HealthPolicy,
    pub probation: ProbationPolicy,
    pub events: broadcast::Sender<Event>,
    pub host_events: broadcast::Sender<HostEvent>,
    /// What is wrong with the host itself.
    pub problems: HostProblems,
    /// Whether plugins are kept apart. Watchers are woken when it becomes another state, or is lost in
    /// another way.
    pub isolation: watch::Sender<IsolationState>,
    /// Rung when it is to be measured soon.
    pub isolation_due: Notify,
    /// How many starts there are at a time.
    pub parallel_starts: usize,
    pub metrics: Arc<Metrics>,
    /// How plugins' output goes into the host's log, if it does.
    pub forwarding: Option<LogForwarding>,
    pub starts: Arc<Semaphore>,
    /// Calls to one plugin at a time.
    pub parallel_calls: NonZeroUsize,
    pub pulls: Pulls,
    pub staging: Staging,
    pub probes: Http,
    /// Age from which orphans are swept; `None` where they never are by themselves.
    pub orphan_age: Option<Duration>,
    /// The newest list of all containers.
    pub listed: watch::Receiver<Option<Arc<Listing>>>,
    pub tasks: TaskTracker,
    /// Ends every task of this supervisor.
    pub cancel: CancellationToken,
}

impl Shared {
    /// Keeps what the engine says that it is, and what it said before of what it leaves out now.
    pub(crate) fn learn(&self, told: EngineInfo) -> EngineInfo {
        let info = told.or_known(&self.engine_info.borrow());
        let before = self.engine_info.send_replace(info.clone());
        if before != info {
            tracing::info!(%before, now = %info, "the engine is another one than before");
        }
        info
    }

    /// The base URL by which a plugin reaches the platform. It names the plugin, so the listener
    /// knows whose keys to verify with.
    pub(crate) fn platform_url(
        &self,
        plugin: &PluginId,
        network: crate::engine::spec::NetworkMode,
    ) -> String {
        let host = std::net::SocketAddr::new(self.platform.borrow().gateway(network), self.port);
        format!("http://{host}{}", Inbox::api_path(plugin))
    }
}
