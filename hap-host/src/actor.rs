//! The task that runs one plugin's [`Machine`]: it carries out the operation that the machine names, probes when
//! it says so, and tells it what came of both. It never waits for one of these inside the loop, so a request is
//! taken at once even while a container is being made.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use futures_util::future::{BoxFuture, FutureExt, OptionFuture};
use hap_manifest::{PluginId, permission::Permission};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    client::{PluginClient, probe},
    config::{ConfigDesk, ConfigState, keep_delivered},
    diagnose::{self, Listening, Traces},
    engine::{ContainerId, ContainerSpec, ContainerStatus, Platform, SimulatedHealth},
    error::{Error, ErrorKind},
    event::{Event, EventKind},
    keys::KeyPair,
    metrics::{PluginCounters, add},
    operate::Operator,
    policy::Admission,
    reconcile::{
        Board, HealthPolicy, Input, Machine, Op, Outcome, ProbeResult, Seen, SpecInputs, Step,
        container_spec, network_of, spec_digest, unmet,
    },
    shared::{Listing, Shared},
    standing,
    state::{Desired, Failure, FailureCause, PluginState},
    store::PluginRecord,
};

/// Requests that wait for one plugin's actor.
pub(crate) const MAILBOX: usize = 32;
/// A request to the actor. Each is answered when it is recorded, not when it is carried out.
#[derive(Debug)]
pub(crate) enum Request {
    /// Makes this what is wanted, on disk first.
    Desire(Desired, oneshot::Sender<Result<(), Error>>),
    /// Stops and starts the plugin once; it must be wanted running.
    Restart(oneshot::Sender<Result<(), Error>>),
    /// Gives the plugin new keys, on disk first, and makes its container anew with them.
    RotateKeys(oneshot::Sender<Result<(), Error>>),
    /// Makes this what the plugin was granted, on disk first.
    Grant(Vec<Permission>, oneshot::Sender<Result<(), Error>>),
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
    /// Old keys are still good, because a container may have them.
    pub rotating: bool,
    /// What was decided about the plugin when it was let in, or since.
    pub admission: Arc<Admission>,
}

pub(crate) struct Actor {
    shared: Arc<Shared>,
    id: PluginId,
    /// What is stored of the plugin; its settings are at the desk.
    record: PluginRecord,
    health_path: String,
    probe_timeout: Duration,
    api_port: u16,
    operator: Operator,
    machine: Machine,
    counters: Arc<PluginCounters>,
    config: Arc<ConfigDesk>,
    config_state: watch::Receiver<ConfigState>,
    /// Ends the delivery of settings to the run that is over.
    delivery: Option<DropGuard>,
    mailbox: mpsc::Receiver<Request>,
    hints: Arc<Notify>,
    listed: watch::Receiver<Option<Arc<Listing>>>,
    /// Where plugins find the host.
    platform: watch::Receiver<Platform>,
    /// Watched by those that depend on others.
    board: Option<watch::Receiver<Board>>,
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
    pub config: Arc<ConfigDesk>,
    pub mailbox: mpsc::Receiver<Request>,
    pub hints: Arc<Notify>,
    pub seed: u64,
}

impl Actor {
    /// Makes the actor and the watch of its snapshots. Nothing happens until it runs.
    pub(crate) fn new(shared: Arc<Shared>, parts: Parts) -> (Self, watch::Receiver<Snapshot>) {
        let manifest = &parts.record.manifest;
        let id = manifest.id().clone();
        // Looked at before the spec is made: what changes in between is noticed.
        let mut platform = shared.platform.subscribe();
        let made_for = platform.borrow_and_update().clone();
        let spec = Arc::new(spec_of(&shared, &parts.record));
        let health = health_policy(&shared.health, manifest);
        let machine = Machine::new(
            parts.record.desired,
            spec_digest(&spec).to_owned(),
            shared.restart.for_plugin(manifest.restart()),
            health.clone(),
            parts.seed,
        )
        .waiting_at_most(shared.dependency_wait);
        let snapshot = Snapshot {
            state: machine.state(now()),
            client: None,
            diagnosing: false,
            failures: 0,
            healthy_runs: 0,
            halted: false,
            rotating: false,
            admission: Arc::new(parts.record.admission.clone()),
        };
        standing::post(&shared.board, &parts.record, &snapshot.state);
        let depends = !manifest.depends_on().is_empty();
        let board = depends.then(|| shared.board.subscribe());
        let (snapshot, reader) = watch::channel(snapshot);
        let actor = Self {
            health_path: manifest.health_check_path().as_str().to_owned(),
            probe_timeout: health.timeout,
            api_port: manifest.api_port().get(),
            operator: Operator {
                engine: Arc::clone(&shared.engine),
                spec,
                starts: Arc::clone(&shared.starts),
                metrics: Arc::clone(&shared.metrics),
                platform: made_for,
                platform_now: shared.platform.clone(),
                stop_grace: manifest.stop_timeout().unwrap_or(Duration::from_secs(10)),
            },
            machine,
            counters: shared.metrics.install(&id),
            config_state: parts.config.watch(),
            config: parts.config,
            delivery: None,
            record: PluginRecord {
                config: None,
                ..parts.record
            },
            mailbox: parts.mailbox,
            hints: parts.hints,
            listed: shared.listed.clone(),
            platform,
            board,
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
        actor.note_keys();
        (actor, reader)
    }

    /// Runs until the plugin is gone or the supervisor ends.
    pub(crate) async fn run(&mut self) {
        let cancel = self.shared.cancel.clone();
        // The first list, where there is one already, saves every plugin a look of its own.
        let first = self.listed_input().unwrap_or(Input::Tick);
        self.follow_the_board();
        self.feed(first);
        while !self.machine.is_removed() {
            if self.record.keys.previous.is_some() && !self.machine.may_be_outdated() {
                self.retire_keys().await;
            }
            let wake = self.wake_at.map(tokio::time::Instant::from_std);
            // Every arm is cancel safe: the futures live in `self` and are polled again in the next round.
            tokio::select! {
                // The end first; then what the engine did, so that requests and timers act on the newest truth.
                biased;
                () = cancel.cancelled() => return,
                Some(outcome) = &mut self.operation => {
                    self.operation = None.into();
                    // It may have found that the host is elsewhere; what it asks for next is for there.
                    self.follow_the_platform();
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
                () = changed(self.board.as_mut()) => self.follow_the_board(),
                Ok(()) = self.platform.changed() => self.renew_spec(),
                Ok(()) = self.config_state.changed() => self.publish(),
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
            Request::RotateKeys(reply) => {
                let rotated = self.rotate_keys().await;
                let _ = reply.send(rotated);
            }
            Request::Grant(grants, reply) => {
                let granted = self.grant(grants).await;
                let _ = reply.send(granted);
            }
            Request::Halt => self.feed(Input::Halt),
        }
    }

    async fn grant(&mut self, grants: Vec<Permission>) -> Result<(), Error> {
        let origin = self.record.admission.origin();
        let admission = Admission::new(origin, grants, &self.record.manifest);
        self.shared.store.set_admission(&self.id, &admission).await?;
        self.record.admission = admission;
        self.feed(Input::Bar(standing::bar(&self.shared, &self.record)));
        Ok(())
    }

    /// Takes in what has become of other plugins, and what that means for this one.
    fn follow_the_board(&mut self) {
        let depends_on = self.record.manifest.depends_on();
        let unmet = self
            .board
            .as_mut()
            .map(|board| unmet(depends_on, &board.borrow_and_update()));
        let bar = standing::bar(&self.shared, &self.record);
        if self.machine.bar() != bar.as_ref() {
            self.feed(Input::Bar(bar));
        }
        if let Some(unmet) = unmet
            && self.machine.unmet() != unmet
        {
            self.feed(Input::Needs(unmet));
        }
    }

    /// New keys, durable before anything else happens. A container that may run keeps the old ones, which stay good
    /// until it is gone; the new digest makes the machine replace it.
    async fn rotate_keys(&mut self) -> Result<(), Error> {
        let keys = self
            .record
            .keys
            .rotated(KeyPair::generate()?, self.machine.may_run());
        self.shared.store.set_keys(&self.id, &keys).await?;
        self.record.keys = keys;
        self.note_keys();
        self.renew_spec();
        Ok(())
    }

    /// Where plugins find the host is part of what their containers are made from.
    fn follow_the_platform(&mut self) {
        if self.platform.has_changed().unwrap_or(false) {
            self.renew_spec();
        }
    }

    /// Makes the spec anew; the machine replaces a container that was made from another one.
    fn renew_spec(&mut self) {
        self.operator.platform = self.platform.borrow_and_update().clone();
        let spec = Arc::new(spec_of(&self.shared, &self.record));
        let digest = spec_digest(&spec).to_owned();
        let is_other = digest != spec_digest(&self.operator.spec);
        self.operator.spec = spec;
        if is_other {
            self.feed(Input::Spec(digest));
        }
    }

    /// No container has the old keys any more.
    async fn retire_keys(&mut self) {
        let keys = self.record.keys.retired();
        match self.shared.store.set_keys(&self.id, &keys).await {
            Ok(()) => {
                self.record.keys = keys;
                self.note_keys();
                self.publish();
            }
            // Tried again in the next round.
            Err(error) => {
                tracing::warn!(plugin = %self.id, error = %error.report(), "the old keys could not be retired yet")
            }
        }
    }

    /// Tells the listener which keys are good, and the desk what to keep out of texts.
    fn note_keys(&self) {
        let keys = &self.record.keys;
        self.shared.credentials.set(&self.id, keys);
        self.config
            .note_keys(keys.pairs().flat_map(KeyPair::texts).collect());
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
            self.deliver_config();
        } else if was.is_reachable() && !phase.is_reachable() {
            self.delivery = None;
            self.config.run_ended();
        }
        self.publish();
    }

    /// Keeps the client in step with where the container is: a new one for each run.
    fn follow_the_container(&mut self) {
        let observed = match self.machine.seen() {
            Seen::Present(observed) => observed.address.map(|address| (observed, address)),
            _ => None,
        };
        match (observed, &self.client) {
            (Some((_, address)), Some(client)) if client.address() == address => {}
            (Some((observed, address)), _) => {
                let keys = &self.record.keys;
                // Made from another spec, it may be one from before the rotation.
                let pair = match &keys.previous {
                    Some(previous) if observed.spec_digest != spec_digest(&self.operator.spec) => previous,
                    _ => &keys.current,
                };
                match PluginClient::new(self.id.clone(), &pair.token, address) {
                    Ok(client) => self.client = Some(client),
                    Err(error) => {
                        tracing::error!(plugin = %self.id, error = %error.report(), "no HTTP client")
                    }
                }
            }
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
        let metrics = Arc::clone(&self.shared.metrics);
        let asked = async move {
            let started = tokio::time::Instant::now();
            let result = probe(&http, address, &path, timeout).await;
            let answered = matches!(result, ProbeResult::Answered { .. });
            metrics.probed(answered, started.elapsed());
            (generation, result)
        };
        self.probing = Some(asked.boxed()).into();
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
                self.counters.failures.add(failure.cause.as_str());
                tracing::warn!(plugin = %self.id, cause = ?failure.cause, message = %failure.message, "plugin failed");
                // In a quick loop the lines of one run are read to their end, or nobody would ever see any.
                if let Some(container) = self.container().filter(|_| !self.reading_lines) {
                    self.diagnose(failure.clone(), container, listening.take());
                }
            }
            EventKind::Phase { from, to } => {
                tracing::info!(plugin = %self.id, %from, %to, "plugin phase");
            }
            other => {
                if *other == EventKind::CrashLoopEntered {
                    add(&self.counters.crash_loops, 1);
                }
                tracing::warn!(plugin = %self.id, event = ?other, "plugin event");
            }
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
        let (since, redactor) = (self.run_started(), self.config.redactor());
        self.reading_lines = true;
        let explain = async move {
            let lines = diagnose::last_lines(&*engine, &container, since, &redactor).await;
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

    fn run_started(&self) -> Option<SystemTime> {
        match self.machine.seen() {
            Seen::Present(observed) => observed.started_at.map(SystemTime::from),
            _ => None,
        }
    }

    fn publish(&self) {
        let mut state = self.machine.state(now());
        state.config = self.config.state();
        let next = Snapshot {
            client: self.client.clone(),
            diagnosing: self.reading_lines,
            failures: self.failures,
            healthy_runs: self.healthy_runs,
            halted: self.machine.is_halted(),
            rotating: self.record.keys.previous.is_some(),
            admission: Arc::new(self.record.admission.clone()),
            state,
        };
        standing::post(&self.shared.board, &self.record, &next.state);
        self.snapshot.send_replace(next);
    }

    /// Gives the plugin the settings that are kept for it, for as long as this run lasts: a fresh container without a
    /// data volume starts with its defaults.
    fn deliver_config(&mut self) {
        let Some(client) = self.client.clone() else { return };
        self.config.run_began();
        let (over, desk) = (CancellationToken::new(), Arc::clone(&self.config));
        self.delivery = Some(over.clone().drop_guard());
        let cancel = self.shared.cancel.clone();
        self.shared.tasks.spawn(async move {
            // Whatever it was about to send is sent to the next run.
            tokio::select! {
                () = cancel.cancelled() => {}
                () = over.cancelled() => {}
                () = keep_delivered(desk, client) => {}
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
        self.shared.metrics.forget(&self.id);
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
        policy: &shared.policy,
        platform_url: &shared.platform_url(manifest.id(), network),
        keys: &record.keys,
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

/// Waits for a change of the board; for ever, for those that depend on nobody.
async fn changed(board: Option<&mut watch::Receiver<Board>>) {
    let changed = match board {
        Some(board) => board.changed().await.is_ok(),
        None => false,
    };
    if !changed {
        std::future::pending().await
    }
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
