//! The task that runs one plugin's [`Machine`]: it carries out the operation that the machine names, probes when
//! it says so, and tells it what came of both. It never waits for one of these inside the loop, so a request is
//! taken at once even while a container is being made.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use futures_util::future::{BoxFuture, FutureExt, OptionFuture};
use hap_manifest::PluginId;
use serde_json::Value;
use tokio::sync::{Mutex, Notify, mpsc, oneshot, watch};

use crate::{
    client::{Caller, PluginClient, probe},
    diagnose::{self, Listening, Traces},
    engine::{ContainerId, ContainerSpec, ContainerStatus, SimulatedHealth},
    error::{Error, ErrorKind},
    event::{Event, EventKind},
    operate::Operator,
    options::deadline,
    reconcile::{
        HealthPolicy, Input, Machine, Op, Outcome, ProbeResult, Seen, SpecInputs, Step, container_spec,
        network_of, spec_digest,
    },
    shared::{Listing, Shared},
    state::{Desired, Failure, FailureCause, PluginState},
    store::PluginRecord,
};

/// Requests that wait for one plugin's actor.
pub(crate) const MAILBOX: usize = 32;
/// Pauses between attempts to give a plugin its kept config after a start.
const CONFIG_PAUSES: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

/// A request to the actor. Each is answered when it is recorded, not when it is carried out.
#[derive(Debug)]
pub(crate) enum Request {
    /// Makes this what is wanted, on disk first.
    Desire(Desired, oneshot::Sender<Result<(), Error>>),
    /// Stops and starts the plugin once; it must be wanted running.
    Restart(oneshot::Sender<Result<(), Error>>),
    /// Stops the plugin because the host shuts down.
    Halt,
}

/// What readers see of a plugin at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub state: PluginState,
    /// The way to the plugin while it runs.
    pub client: Option<PluginClient>,
    /// The last lines of a failed run are still being read.
    pub diagnosing: bool,
    /// Counts failures, so that a waiter tells a new one from an old one.
    pub failures: u64,
    /// Counts the runs that became healthy.
    pub healthy_runs: u64,
    /// The host shuts down and this plugin is down.
    pub halted: bool,
}

/// The config that the plugin shall have. Locked while it is being sent, so that two never cross.
pub(crate) type ConfigCell = Arc<Mutex<Option<Value>>>;

pub(crate) struct Actor {
    shared: Arc<Shared>,
    id: PluginId,
    caller: Caller,
    health_path: String,
    config_path: String,
    probe_timeout: Duration,
    api_port: u16,
    operator: Operator,
    machine: Machine,
    config: ConfigCell,
    mailbox: mpsc::Receiver<Request>,
    hints: Arc<Notify>,
    listed: watch::Receiver<Option<Arc<Listing>>>,
    snapshot: watch::Sender<Snapshot>,
    operation: OptionFuture<BoxFuture<'static, Outcome>>,
    probing: OptionFuture<BoxFuture<'static, (u64, ProbeResult)>>,
    diagnosing: OptionFuture<BoxFuture<'static, Failure>>,
    reading_lines: bool,
    client: Option<PluginClient>,
    failures: u64,
    healthy_runs: u64,
    wake_at: Option<Instant>,
}

/// What an actor is made of.
pub(crate) struct Parts {
    pub record: PluginRecord,
    pub config: ConfigCell,
    pub mailbox: mpsc::Receiver<Request>,
    pub hints: Arc<Notify>,
    pub seed: u64,
}

impl Actor {
    /// Makes the actor and the watch of its snapshots. Nothing happens until it runs.
    pub(crate) fn new(shared: Arc<Shared>, parts: Parts) -> (Self, watch::Receiver<Snapshot>) {
        let manifest = &parts.record.manifest;
        let id = manifest.id().clone();
        let spec = Arc::new(spec_of(&shared, &parts.record));
        let health = health_policy(&shared.health, manifest);
        let machine = Machine::new(
            parts.record.desired,
            spec_digest(&spec).to_owned(),
            shared.restart.clone(),
            health.clone(),
            parts.seed,
        );
        let snapshot = Snapshot {
            state: machine.state(now()),
            client: None,
            diagnosing: false,
            failures: 0,
            healthy_runs: 0,
            halted: false,
        };
        let (snapshot, reader) = watch::channel(snapshot);
        let actor = Self {
            caller: Caller {
                plugin: id.clone(),
                token: parts.record.token.clone(),
            },
            health_path: manifest.health_check_path().as_str().to_owned(),
            config_path: manifest.config_endpoint().as_str().to_owned(),
            probe_timeout: health.timeout,
            api_port: manifest.api_port().get(),
            operator: Operator {
                engine: Arc::clone(&shared.engine),
                spec,
                starts: Arc::clone(&shared.starts),
                stop_grace: manifest.stop_timeout().unwrap_or(Duration::from_secs(10)),
            },
            machine,
            config: parts.config,
            mailbox: parts.mailbox,
            hints: parts.hints,
            listed: shared.listed.clone(),
            snapshot,
            operation: None.into(),
            probing: None.into(),
            diagnosing: None.into(),
            reading_lines: false,
            client: None,
            failures: 0,
            healthy_runs: 0,
            wake_at: None,
            id,
            shared,
        };
        (actor, reader)
    }

    /// Runs until the plugin is gone or the supervisor ends.
    pub(crate) async fn run(&mut self) {
        let cancel = self.shared.cancel.clone();
        // The first list, where there is one already, saves every plugin a look of its own.
        let first = self.listed_input().unwrap_or(Input::Tick);
        self.feed(first);
        while !self.machine.is_removed() {
            let wake = self.wake_at.map(tokio::time::Instant::from_std);
            // Every arm is cancel safe: the futures live in `self` and are polled again in the next round.
            tokio::select! {
                // The end first; then what the engine did, so that requests and timers act on the newest truth.
                biased;
                () = cancel.cancelled() => return,
                Some(outcome) = &mut self.operation => {
                    self.operation = None.into();
                    self.feed(Input::OpDone(outcome));
                }
                () = self.hints.notified() => self.feed(Input::Hint),
                Some((generation, result)) = &mut self.probing => {
                    self.probing = None.into();
                    self.feed(Input::Probe { generation, result });
                }
                request = self.mailbox.recv() => match request {
                    Some(request) => self.handle(request).await,
                    None => return,
                },
                Ok(()) = self.listed.changed() => {
                    if let Some(input) = self.listed_input() {
                        self.feed(input);
                    }
                }
                Some(explained) = &mut self.diagnosing => {
                    self.diagnosing = None.into();
                    self.reading_lines = false;
                    self.feed(Input::Explained(explained));
                }
                () = sleep_until(wake) => self.feed(Input::Tick),
            }
        }
        self.forget().await;
    }

    /// Whether the plugin is gone, rather than the supervisor.
    pub(crate) fn is_removed(&self) -> bool {
        self.machine.is_removed()
    }

    fn listed_input(&mut self) -> Option<Input> {
        let listing = self.listed.borrow_and_update().clone()?;
        Some(Input::Listed(
            listing.get(&self.id).cloned().map_or(Seen::Absent, Seen::Present),
        ))
    }

    async fn handle(&mut self, request: Request) {
        match request {
            Request::Desire(desired, reply) => {
                let stored = self.shared.store.set_desired(&self.id, desired).await;
                if stored.is_ok() {
                    self.feed(Input::Desire(desired));
                }
                // The caller may have gone; what is wanted is recorded all the same.
                let _ = reply.send(stored);
            }
            Request::Restart(reply) => {
                let wanted = self.machine.state(now()).desired == Desired::Running;
                let _ = reply.send(if wanted {
                    self.feed(Input::Restart);
                    Ok(())
                } else {
                    let message = "it is not wanted running, so there is nothing to restart: start it";
                    Err(Error::new(ErrorKind::NotRunning, message).with_plugin(&self.id))
                });
            }
            Request::Halt => self.feed(Input::Halt),
        }
    }

    /// Hands one input to the machine and sets in motion what it asks for.
    fn feed(&mut self, input: Input) {
        let was = self.machine.state(now()).phase;
        let Step {
            op,
            cancel,
            probe,
            events,
            wake_at,
        } = self.machine.step(input, now());
        self.wake_at = wake_at;
        if cancel {
            self.operation = Some(async { Outcome::Retry("given up".to_owned()) }.boxed()).into();
        }
        self.follow_the_container();
        let mut listening = None;
        if let Some(op) = op {
            tracing::debug!(plugin = %self.id, ?op, "engine operation");
            let container = self.container();
            let perform = self.operator.clone().perform(op.clone(), container.clone());
            let is_silent = events.iter().any(is_silent);
            self.operation = match container.filter(|_| op == Op::Stop && is_silent) {
                // Where it listens can be asked only as long as it runs.
                Some(container) => {
                    let (tell, told) = oneshot::channel();
                    listening = Some(told);
                    let look = diagnose::listening(Arc::clone(&self.shared.engine), container);
                    let work = async move {
                        // Whoever wanted to know may have gone.
                        let _ = tell.send(look.await);
                        perform.await
                    };
                    Some(work.boxed()).into()
                }
                None => Some(perform.boxed()).into(),
            };
        }
        if let Some(generation) = probe {
            self.launch_probe(generation);
        }
        for event in events {
            self.tell(event, &mut listening);
        }
        let phase = self.machine.state(now()).phase;
        if phase.is_reachable() && !was.is_reachable() {
            self.healthy_runs = self.healthy_runs.saturating_add(1);
            self.send_kept_config();
        }
        self.publish();
    }

    /// Keeps the client in step with where the container is: a new one for each run.
    fn follow_the_container(&mut self) {
        let address = match self.machine.seen() {
            Seen::Present(observed) => observed.address,
            _ => None,
        };
        match (address, &self.client) {
            (Some(address), Some(client)) if client.address() == address => {}
            (Some(address), _) => match PluginClient::new(address) {
                Ok(client) => self.client = Some(client),
                Err(error) => tracing::error!(plugin = %self.id, error = %error.report(), "no HTTP client"),
            },
            (None, _) => self.client = None,
        }
    }

    fn container(&self) -> Option<ContainerId> {
        match self.machine.seen() {
            Seen::Present(observed) => Some(observed.id.clone()),
            _ => None,
        }
    }

    fn launch_probe(&mut self, generation: u64) {
        if let Some(health) = self.shared.engine.simulated_health(&self.id) {
            let result = match health {
                SimulatedHealth::Healthy => ProbeResult::Answered {
                    degraded: false,
                    message: None,
                },
                SimulatedHealth::Degraded => ProbeResult::Answered {
                    degraded: true,
                    message: None,
                },
                SimulatedHealth::Failing(reason) => ProbeResult::Missed(reason),
            };
            self.probing = Some(std::future::ready((generation, result)).boxed()).into();
            return;
        }
        let Some(client) = &self.client else {
            let result = ProbeResult::Missed(self.why_no_address().to_owned());
            self.probing = Some(std::future::ready((generation, result)).boxed()).into();
            return;
        };
        let (http, address) = (self.shared.probes.clone(), client.address());
        let (path, timeout) = (self.health_path.clone(), self.probe_timeout);
        self.probing =
            Some(async move { (generation, probe(&http, address, &path, timeout).await) }.boxed()).into();
    }

    fn why_no_address(&self) -> &'static str {
        match self.machine.seen() {
            Seen::Present(observed) if observed.status == ContainerStatus::Paused => {
                "its container was paused by someone else"
            }
            _ => "the engine names no address for it: was it taken off its network?",
        }
    }

    fn tell(&mut self, kind: EventKind, listening: &mut Option<oneshot::Receiver<Listening>>) {
        match &kind {
            EventKind::Failed(failure) => {
                self.failures = self.failures.saturating_add(1);
                tracing::warn!(plugin = %self.id, cause = ?failure.cause, message = %failure.message, "plugin failed");
                // In a quick loop the lines of one run are read to their end, or nobody would ever see any.
                if let Some(container) = self.container().filter(|_| !self.reading_lines) {
                    self.diagnose(failure.clone(), container, listening.take());
                }
            }
            EventKind::Phase { from, to } => {
                tracing::info!(plugin = %self.id, %from, %to, "plugin phase");
            }
            other => tracing::warn!(plugin = %self.id, event = ?other, "plugin event"),
        }
        // Nobody listening is fine.
        let _ = self.shared.events.send(Event::now(self.id.clone(), kind));
    }

    fn diagnose(
        &mut self,
        failure: Failure,
        container: ContainerId,
        listening: Option<oneshot::Receiver<Listening>>,
    ) {
        let (engine, api_port) = (Arc::clone(&self.shared.engine), self.api_port);
        let (since, secrets) = (self.run_started(), self.secrets());
        self.reading_lines = true;
        let explain = async move {
            let lines = diagnose::last_lines(&*engine, &container, since, &secrets).await;
            let listening = match listening {
                Some(told) => told.await.unwrap_or_default(),
                None => None,
            };
            let traces = Traces {
                api_port,
                listening,
                program: diagnose::program_fault(&*engine, &container, &failure, &lines).await,
            };
            diagnose::explain(failure, lines, &traces)
        };
        self.diagnosing = Some(explain.boxed()).into();
    }

    fn secrets(&self) -> Vec<String> {
        let secret = self.operator.spec.env.iter().filter(|var| var.is_secret());
        secret.map(|var| var.expose_value().to_owned()).collect()
    }

    fn run_started(&self) -> Option<SystemTime> {
        match self.machine.seen() {
            Seen::Present(observed) => observed.started_at.map(SystemTime::from),
            _ => None,
        }
    }

    fn publish(&self) {
        let state = self.machine.state(now());
        let next = Snapshot {
            client: self.client.clone(),
            diagnosing: self.reading_lines,
            failures: self.failures,
            healthy_runs: self.healthy_runs,
            halted: self.machine.is_halted(),
            state,
        };
        self.snapshot.send_replace(next);
    }

    /// Gives the plugin the config that was accepted last: a fresh container without a data volume starts
    /// with its defaults.
    fn send_kept_config(&self) {
        let Some(client) = self.client.clone() else { return };
        let (config, caller, path) = (
            Arc::clone(&self.config),
            self.caller.clone(),
            self.config_path.clone(),
        );
        let cancel = self.shared.cancel.clone();
        self.shared.tasks.spawn(async move {
            let send = async {
                for pause in CONFIG_PAUSES {
                    tokio::time::sleep(pause).await;
                    let kept = config.lock().await;
                    let Some(config) = kept.as_ref() else { return };
                    match client.configure(&caller, &path, config, deadline::PLUGIN_CALL).await {
                        Ok(_) => return,
                        Err(error) if error.kind() == ErrorKind::Rejected => {
                            tracing::warn!(plugin = %caller.plugin, error = %error.report(), "the plugin refuses the config that is kept for it");
                            return;
                        }
                        Err(error) => {
                            tracing::debug!(plugin = %caller.plugin, error = %error.report(), "the kept config was not delivered yet");
                        }
                    }
                }
            };
            tokio::select! {
                () = cancel.cancelled() => {}
                () = send => {}
            }
        });
    }

    /// The container is gone; now the record may go too, so that a kill in between only repeats the removal.
    async fn forget(&mut self) {
        let mut pause = Duration::from_millis(200);
        while let Err(error) = self.shared.store.remove_plugin(&self.id).await {
            tracing::error!(plugin = %self.id, error = %error.report(), "the plugin's record could not be removed yet");
            tokio::select! {
                () = self.shared.cancel.cancelled() => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(30)),
            }
        }
        self.shared.credentials.remove(&self.id);
        self.publish();
    }
}

/// Whether a plugin failed that runs and cannot be heard.
fn is_silent(event: &EventKind) -> bool {
    let EventKind::Failed(failure) = event else {
        return false;
    };
    matches!(
        failure.cause,
        FailureCause::NotHealthyInTime | FailureCause::Unresponsive
    )
}

/// The container's spec for a record under this supervisor.
fn spec_of(shared: &Shared, record: &PluginRecord) -> ContainerSpec {
    let manifest = &record.manifest;
    let network = network_of(manifest);
    container_spec(&SpecInputs {
        manifest,
        instance: &shared.instance,
        image: record
            .image_id
            .as_deref()
            .unwrap_or_else(|| manifest.image().as_str()),
        limits: &shared.limits,
        platform_url: &shared.platform_url(manifest.id(), network),
        token: &record.token,
        webhook_secret: &record.webhook_secret,
        program: record.program.as_deref(),
    })
}

/// The supervisor's figures with the manifest's own on top.
fn health_policy(base: &HealthPolicy, manifest: &hap_manifest::Manifest) -> HealthPolicy {
    let check = manifest.health_check();
    let mut policy = base.clone();
    if *check != hap_manifest::HealthCheck::default() {
        policy.interval = check.interval();
        policy.timeout = check.timeout();
        policy.retries = check.retries();
        policy.startup_deadline = check.start_period();
    }
    policy
}

fn now() -> Instant {
    // Tokio's clock, so that a test with paused time steers the machine too.
    tokio::time::Instant::now().into_std()
}

async fn sleep_until(wake: Option<tokio::time::Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl std::fmt::Debug for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Actor")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
