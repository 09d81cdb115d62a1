use std::{num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::{Semaphore, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Inner, Supervisor,
    dispatch::{Hints, ask, dispatch},
    event_stream::event_channel,
    orphans::{MINIMUM_AGE, sweep::sweep_in_time},
    registry::Registry,
    usage_sampling::sample,
};
use crate::{
    engine::{
        Engine, Platform,
        deadline::{self, within},
        instance::InstanceName,
        listing::Listing,
        observed::Observed,
    },
    error::{Error, ErrorKind},
    metrics::Metrics,
    model::{
        limits::DefaultLimits,
        log_forwarding::LogForwarding,
        retention::EventRetention,
        run_policy::{HealthPolicy, ProbationPolicy, RestartPolicy},
    },
    plugin::{
        context::Shared,
        source::{pulls::Pulls, staging::Staging},
    },
    policy::Policy,
    protocol::{
        client::{concurrency::CallGate, probe::probe_client},
        events::{
            Inbox,
            credentials::Credentials,
            listener::{Listener, shared::ListenOptions},
            rate::EventRate,
        },
    },
    reconcile::machine::DEPENDENCY_WAIT,
    store::Store,
};

impl Supervisor {
    /// Starts to describe a supervisor over an engine, with its state in a folder of its own.
    #[must_use = "nothing happens until `start`"]
    pub fn builder(engine: impl Engine, state_folder: impl Into<PathBuf>) -> SupervisorBuilder {
        SupervisorBuilder::new(Arc::new(engine), state_folder.into())
    }

    /// As [`builder`](Self::builder), with an engine that was chosen at run time.
    #[must_use = "nothing happens until `start`"]
    pub fn builder_over(engine: Arc<dyn Engine>, state_folder: impl Into<PathBuf>) -> SupervisorBuilder {
        SupervisorBuilder::new(engine, state_folder.into())
    }
}

/// Describes a [`Supervisor`] before it starts.
#[derive(Debug)]
#[must_use = "nothing happens until `start`"]
pub struct SupervisorBuilder {
    engine: Arc<dyn Engine>,
    state_folder: PathBuf,
    instance: InstanceName,
    limits: DefaultLimits,
    restart: RestartPolicy,
    outlive: bool,
    health: HealthPolicy,
    probation: ProbationPolicy,
    port: Option<u16>,
    event_rate: EventRate,
    event_retention: EventRetention,
    parallel_starts: Option<usize>,
    parallel_calls: NonZeroUsize,
    policy: Policy,
    dependency_wait: Duration,
    forwarding: Option<LogForwarding>,
    usage_interval: Option<Duration>,
    orphan_age: Option<Duration>,
}

/// Where the instance's name and port are kept.
const META_INSTANCE: &str = "instance";
const META_PORT: &str = "events_port";

impl SupervisorBuilder {
    pub(crate) fn new(engine: Arc<dyn Engine>, state_folder: PathBuf) -> Self {
        Self {
            engine,
            state_folder,
            instance: InstanceName::default(),
            limits: DefaultLimits::default(),
            restart: RestartPolicy::default(),
            outlive: false,
            health: HealthPolicy::default(),
            probation: ProbationPolicy::default(),
            port: None,
            event_rate: EventRate::default(),
            event_retention: EventRetention::default(),
            parallel_starts: None,
            parallel_calls: CallGate::DEFAULT,
            policy: Policy::default(),
            dependency_wait: DEPENDENCY_WAIT,
            forwarding: None,
            usage_interval: None,
            orphan_age: Some(MINIMUM_AGE),
        }
    }

    /// Keeps this supervisor's plugins apart from those of others on the same engine. Default `default`.
    pub fn instance(mut self, instance: InstanceName) -> Self {
        self.instance = instance;
        self
    }

    /// Limits for plugins whose manifest names none. Default: 256 MiB, 1 core, 256 processes.
    pub fn default_limits(mut self, limits: DefaultLimits) -> Self {
        self.limits = limits;
        self
    }

    /// When a plugin that ended is started again.
    pub fn restart_policy(mut self, policy: RestartPolicy) -> Self {
        self.restart = policy;
        self
    }

    /// Whether plugins also outlive their own failures and a restart of the machine or the engine while no host runs: Docker's restart
    /// policy `unless-stopped`. Default: no, and what ends meanwhile is started by the next host.
    ///
    /// While the host lives, restarts are its own either way: a restart of the engine's is taken over at once, with the pauses and
    /// the holds of [`restart_policy`](Self::restart_policy). Another choice than that of the last start makes all containers
    /// anew. `ProcessEngine` starts nothing by itself.
    pub const fn plugins_outlive_host(mut self, outlive: bool) -> Self {
        self.outlive = outlive;
        self
    }

    /// How health is probed, where the manifest does not say.
    pub fn health_policy(mut self, policy: HealthPolicy) -> Self {
        self.health = policy;
        self
    }

    /// When a new version of a plugin has proven itself. Default: healthy for 10 s without a break, within 5 min.
    pub fn probation_policy(mut self, policy: ProbationPolicy) -> Self {
        self.probation = policy;
        self
    }

    /// The port on which plugins reach the platform. Default: the one of the last start, else a free one. It is part
    /// of each container, so another port makes all containers anew.
    pub const fn events_port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// How many events each plugin may send. Default: 100 in a second for long, 1,000 at once.
    pub const fn event_rate(mut self, rate: EventRate) -> Self {
        self.event_rate = rate;
        self
    }

    /// How many received events are kept for readers that come later, and for how long.
    pub fn event_retention(mut self, retention: EventRetention) -> Self {
        self.event_retention = retention;
        self
    }

    /// How many plugins are created or started at a time. Default: twice the processors, where the engine saturates.
    pub const fn parallel_starts(mut self, starts: usize) -> Self {
        self.parallel_starts = Some(starts);
        self
    }

    /// How many commands, config and status calls to one plugin are under way at a time; more are refused at once with
    /// [`ErrorKind::Busy`]. Default 64.
    pub const fn parallel_calls(mut self, calls: NonZeroUsize) -> Self {
        self.parallel_calls = calls;
        self
    }

    /// What plugins may have. Default: [`Policy::default`], which gives nothing unusual without a grant. One that is
    /// stricter than that of the last start holds for plugins that are installed too: those that it no longer allows do
    /// not start, and are stopped where they run.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// How long a start waits for what the plugin depends on before that is told as a failure; it goes on waiting all the
    /// same. Default 5 min.
    pub const fn dependency_wait(mut self, wait: Duration) -> Self {
        self.dependency_wait = wait;
        self
    }

    /// Hands what plugins print on as `tracing` events. Default: nothing is; [`PluginHandle::logs`] reads it on demand.
    ///
    /// [`PluginHandle::logs`]: crate::plugin::handle::PluginHandle::logs
    pub const fn forward_logs(mut self, forwarding: LogForwarding) -> Self {
        self.forwarding = Some(forwarding);
        self
    }

    /// Samples the resource use of every running plugin this often, for the [metrics](Supervisor::metrics). At least
    /// 1 s. Default: never, because each sample costs the engine some milliseconds.
    pub const fn sample_usage(mut self, every: Duration) -> Self {
        self.usage_interval = Some(every);
        self
    }

    /// How long a container or a network with this supervisor's labels may belong to no plugin before it is removed;
    /// `None` for ever. Default 5 min.
    ///
    /// It counts from when this supervisor first saw it so, and it must have been made at least as long ago. Volumes and
    /// images are never removed by themselves; [`Supervisor::orphans`] tells of all.
    pub const fn sweep_orphans_after(mut self, minimum_age: Option<Duration>) -> Self {
        self.orphan_age = minimum_age;
        self
    }

    /// Opens the state, adopts what runs, and starts what is wanted.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a policy that breaks its rule or a state folder of another instance,
    /// [`ErrorKind::Store`] when the state cannot be opened (another supervisor may have it open), [`ErrorKind::Engine`]
    /// and [`ErrorKind::Timeout`] when the engine does not answer or no address can be listened on.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing running.
    pub async fn start(self) -> Result<Supervisor, Error> {
        let checked = self.restart.check().and_then(|()| self.probation.check());
        checked.map_err(|message| Error::new(ErrorKind::InvalidInput, message))?;
        let (store, loaded) =
            Store::open_with(self.state_folder.clone(), self.event_retention.clone()).await?;
        for entry in &loaded.corrupt {
            tracing::error!(plugin = %entry.id_text, reason = %entry.reason, "the stored record of a plugin cannot be read; it is left as it is and the plugin is not run");
        }
        self.claim(&store).await?;
        let folder = self.state_folder.clone();
        let staging = tokio::task::spawn_blocking(move || Staging::open(&folder))
            .await
            .map_err(|error| {
                Error::new(ErrorKind::Store, "the state folder was not put in order").with_source(error)
            })??;
        let info = ask(&self.engine).await.map_err(Error::engine)?;
        tracing::info!(engine = %info, instance = %self.instance, "the supervisor starts");
        let prepare = self.engine.prepare(&self.instance);
        let platform = within(deadline::CONTROL, "prepare", &self.instance, prepare)
            .await
            .map_err(Error::engine)?;
        let list = self.engine.list(&self.instance);
        let running = within(deadline::CONTROL, "list", &self.instance, list)
            .await
            .map_err(Error::engine)?;
        let listing: Listing = running
            .into_iter()
            .map(|observed| (observed.plugin.clone(), observed))
            .collect();

        let mut plugins = loaded.plugins;
        for record in &mut plugins {
            let id = record.manifest.id();
            let runs = listing.get(id).is_some_and(Observed::is_running);
            let desired = record.choices.boot.desired(record.desired, runs);
            if desired != record.desired {
                store.set_desired(id, desired).await?;
                record.desired = desired;
            }
        }

        let cancel = CancellationToken::new();
        // Whatever fails below, no task outlives the call.
        let guard = cancel.clone().drop_guard();
        let tasks = TaskTracker::new();
        let credentials = Credentials::default();
        // Plugins that already run may post as soon as the listener is there.
        for record in &plugins {
            credentials.set(record.manifest.id(), &record.keys);
        }
        let metrics = Arc::new(Metrics::new());
        let inbox = Inbox::new(
            store.clone(),
            credentials.clone(),
            self.event_rate,
            Arc::clone(&metrics),
        );
        let addresses = listener_addresses(&platform);
        let preferred = match self.port {
            Some(port) => Some(port),
            None => store.meta(META_PORT).await?.and_then(|port| port.parse().ok()),
        };
        let listener = Listener::start(inbox.router(), ListenOptions::new(addresses).port(preferred)).await?;
        let port = listener.port();
        if self.port.is_some_and(|wanted| wanted != port) {
            let message = format!(
                "events_port {} is taken on one of the addresses that plugins use: free it or name another",
                self.port.unwrap_or_default()
            );
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        store.set_meta(META_PORT, &port.to_string()).await?;
        let platform = watch::Sender::new(platform);
        listener.follow(platform.subscribe(), listener_addresses);

        let (listed, listed_reader) = watch::channel(Some(Arc::new(listing)));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let starts = self.parallel_starts.unwrap_or(2 * cores).max(1);
        let shared = Arc::new(Shared {
            engine: Arc::clone(&self.engine),
            engine_info: watch::Sender::new(info),
            instance: self.instance.clone(),
            store,
            credentials,
            platform,
            port,
            restart: self.restart,
            outlive: self.outlive,
            health: self.health,
            probation: self.probation,
            events: event_channel(),
            starts: Arc::new(Semaphore::new(starts)),
            parallel_calls: self.parallel_calls,
            pulls: Pulls::new(Arc::clone(&self.engine), tasks.clone(), cancel.clone()),
            staging,
            limits: self.limits,
            policy: self.policy,
            board: watch::Sender::default(),
            dependency_wait: self.dependency_wait,
            metrics,
            forwarding: self.forwarding,
            probes: probe_client(),
            orphan_age: self.orphan_age,
            listed: listed_reader,
            tasks,
            cancel: guard.disarm(),
        });
        let hints = Hints::default();
        let watching = dispatch(Arc::clone(&shared), hints.clone(), listed);
        shared.tasks.spawn(watching);
        let maintained = inbox.clone();
        let maintenance_ends = shared.cancel.clone();
        shared
            .tasks
            .spawn(async move { maintained.maintain(maintenance_ends).await });
        let inner = Inner {
            shared,
            registry: Registry::default(),
            inbox,
            listener,
            hints,
        };
        for record in plugins {
            inner.adopt(record);
        }
        if let Some(age) = inner.shared.orphan_age {
            let sweeping = sweep_in_time(Arc::clone(&inner.shared), inner.registry.clone(), age);
            let cancel = inner.shared.cancel.clone();
            let task = async move { cancel.run_until_cancelled(sweeping).await };
            inner.shared.tasks.spawn(task);
        }
        if let Some(every) = self.usage_interval {
            let sampling = sample(inner.registry.clone(), every, inner.shared.cancel.clone());
            inner.shared.tasks.spawn(sampling);
        }
        Ok(Supervisor::from_inner(inner))
    }

    /// Refuses the state of another instance: its containers would be taken for lost.
    async fn claim(&self, store: &Store) -> Result<(), Error> {
        match store.meta(META_INSTANCE).await? {
            Some(owner) if owner != self.instance.as_str() => Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "{} holds the state of instance {owner:?}, not of {:?}: use a folder for each instance",
                    self.state_folder.display(),
                    self.instance.as_str()
                ),
            )),
            Some(_) => Ok(()),
            None => store.set_meta(META_INSTANCE, self.instance.as_str()).await,
        }
    }
}

/// Loopback first, then each gateway once. Never all interfaces.
fn listener_addresses(platform: &Platform) -> Vec<std::net::IpAddr> {
    let mut addresses = vec![std::net::IpAddr::from([127, 0, 0, 1])];
    for gateway in [platform.isolated_gateway, platform.outbound_gateway] {
        if !addresses.contains(&gateway) {
            addresses.push(gateway);
        }
    }
    addresses
}
