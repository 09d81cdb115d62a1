//! Describes a supervisor before it starts.

mod start;

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

use super::{Supervisor, isolation::MEASURE_EVERY, orphans::MINIMUM_AGE, shutdown::SHUTDOWN_TIMEOUT};
use crate::{
    engine::{Engine, instance::InstanceName, into_engine::IntoEngine},
    model::{
        limits::DefaultLimits,
        log_forwarding::LogForwarding,
        retention::EventRetention,
        run_policy::{HealthPolicy, ProbationPolicy, RestartPolicy},
    },
    policy::Policy,
    protocol::{client::concurrency::CallGate, events::rate::EventRateLimit},
    reconcile::machine::DEPENDENCY_WAIT,
};

impl Supervisor {
    /// Describes a supervisor over an engine, with its state in a folder of its own. The engine is
    /// any [`Engine`], or an `Arc<dyn Engine>` that was chosen at run time.
    #[must_use = "nothing happens until `start`"]
    pub fn builder(engine: impl IntoEngine, state_folder: impl Into<PathBuf>) -> SupervisorBuilder {
        SupervisorBuilder::new(engine.into_engine(), state_folder.into())
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
    event_rate: EventRateLimit,
    event_retention: EventRetention,
    parallel_starts: Option<usize>,
    parallel_calls: NonZeroUsize,
    policy: Policy,
    dependency_wait: Duration,
    shutdown_timeout: Duration,
    forwarding: Option<LogForwarding>,
    usage_interval: Option<Duration>,
    orphan_age: Option<Duration>,
    isolation_interval: Option<Duration>,
}

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
            event_rate: EventRateLimit::default(),
            event_retention: EventRetention::default(),
            parallel_starts: None,
            parallel_calls: CallGate::DEFAULT,
            policy: Policy::default(),
            dependency_wait: DEPENDENCY_WAIT,
            shutdown_timeout: SHUTDOWN_TIMEOUT,
            forwarding: None,
            usage_interval: None,
            orphan_age: Some(MINIMUM_AGE),
            isolation_interval: Some(MEASURE_EVERY),
        }
    }

    /// Keeps this supervisor's plugins apart from those of others on the same engine. Default
    /// `default`.
    pub fn instance(mut self, instance: InstanceName) -> Self {
        self.instance = instance;
        self
    }

    /// Sets the limits of plugins whose manifest names none. Default: 256 MiB, 1 core, 256
    /// processes.
    pub fn default_limits(mut self, limits: DefaultLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets when a plugin that ended is started again.
    pub fn restart_policy(mut self, policy: RestartPolicy) -> Self {
        self.restart = policy;
        self
    }

    /// Sets whether plugins also outlive their own failures and a restart of the machine or the
    /// engine while no host runs: Docker's restart policy `unless-stopped`. Default: no, and what
    /// ends meanwhile is started by the next host.
    ///
    /// While the host lives, restarts are its own either way: a restart of the engine's is taken
    /// over at once, with the pauses and the holds of [`restart_policy`](Self::restart_policy).
    /// Another choice than that of the last start recreates all containers. `ProcessEngine` starts
    /// nothing by itself.
    pub const fn restart_without_host(mut self, restart: bool) -> Self {
        self.outlive = restart;
        self
    }

    /// Sets how health is probed, where the manifest does not say.
    pub fn health_policy(mut self, policy: HealthPolicy) -> Self {
        self.health = policy;
        self
    }

    /// Sets when a new version of a plugin has proven itself. Default: healthy for 10 s without a
    /// break, within 5 min.
    pub fn probation_policy(mut self, policy: ProbationPolicy) -> Self {
        self.probation = policy;
        self
    }

    /// Sets the port on which plugins reach the platform. Default: the one of the last start, else
    /// a free one. It is part of each container, so another port recreates all containers.
    pub const fn events_port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Sets how many events each plugin may send. Default: 100 per second, in bursts of up to
    /// 1,000.
    pub const fn event_rate(mut self, rate: EventRateLimit) -> Self {
        self.event_rate = rate;
        self
    }

    /// Sets how many received events are kept for later readers, and for how long.
    pub fn event_retention(mut self, retention: EventRetention) -> Self {
        self.event_retention = retention;
        self
    }

    /// Sets how many plugins are created or started at a time. Default: twice the processors, where
    /// the engine saturates.
    pub const fn parallel_starts(mut self, starts: usize) -> Self {
        self.parallel_starts = Some(starts);
        self
    }

    /// Sets how many commands, config and status calls to one plugin are under way at a time; more
    /// are refused at once with [`ErrorKind::Busy`](crate::error::ErrorKind::Busy). Default 64.
    pub const fn parallel_calls(mut self, calls: NonZeroUsize) -> Self {
        self.parallel_calls = calls;
        self
    }

    /// Sets what plugins may have. Default: [`Policy::default`], which gives nothing unusual
    /// without a grant. One that is stricter than that of the last start holds for plugins that are
    /// installed too: those that it no longer allows do not start, and are stopped where they run.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets how long a start waits for what the plugin depends on before that is reported as a
    /// failure; it goes on waiting all the same. Default 5 min.
    pub const fn dependency_wait(mut self, wait: Duration) -> Self {
        self.dependency_wait = wait;
        self
    }

    /// Sets the longest time that [`Supervisor::shutdown`] gives plugins to stop. What has not
    /// stopped 10 s before its end, or at half of a time below 20 s, is killed, whatever its
    /// manifest says. Default: 60 s.
    pub const fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Forwards what plugins print as `tracing` events. Default: nothing is; [`PluginHandle::logs`]
    /// reads it on demand.
    ///
    /// [`PluginHandle::logs`]: crate::plugin::handle::PluginHandle::logs
    pub const fn forward_logs(mut self, forwarding: LogForwarding) -> Self {
        self.forwarding = Some(forwarding);
        self
    }

    /// Samples the resource use of every running plugin this often, for the
    /// [metrics](Supervisor::metrics). At least 1 s. Default: never, because each sample costs the
    /// engine some milliseconds.
    pub const fn sample_usage(mut self, every: Duration) -> Self {
        self.usage_interval = Some(every);
        self
    }

    /// Sets how long a container or a network with this supervisor's labels may belong to no plugin
    /// before it is removed; `None` means that it is never removed. Default 5 min.
    ///
    /// The time counts from when this supervisor first saw it without a plugin, and it must have
    /// been created at least as long ago. Volumes and images are never removed by themselves;
    /// [`Supervisor::orphans`] lists all.
    pub const fn sweep_orphans_after(mut self, minimum_age: Option<Duration>) -> Self {
        self.orphan_age = minimum_age;
        self
    }

    /// Sets how often it is measured whether plugins are kept apart, besides soon after the start, after
    /// each change of their networks and when the engine comes back; `None` means that it is never
    /// measured, and [not known](crate::IsolationState::Unknown). At least 1 s. Default 5 min.
    ///
    /// A measurement runs four tiny containers for about 2 s, which costs the engine about a second of
    /// processor time. While isolation is lost it is repeated every 30 s, or as often as this says.
    pub const fn measure_isolation_every(mut self, interval: Option<Duration>) -> Self {
        self.isolation_interval = interval;
        self
    }
}
