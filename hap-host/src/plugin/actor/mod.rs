//! The task that runs one plugin's [`Machine`]: it carries out the operation that the machine names, probes when
//! it says so, and tells it what came of both. It never waits for one of these inside the loop, so a request is
//! taken at once even while a container is being made.

mod clock;
mod diagnose;
mod operation;
mod spec;
mod update;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use futures_util::future::{BoxFuture, FutureExt, OptionFuture};
use hap_manifest::{PluginId, permission::Permission};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{Instrument as _, Span};

use self::{
    clock::{now, sleep_until},
    diagnose::{Listening, Traces},
    operation::Operator,
    spec::{health_policy, spec_of, version_terms},
    update::tasks::Updating,
};
use super::{
    context::Shared,
    dependents,
    request::{Posted, Request},
    settings::{ConfigDesk, delivery::keep_delivered},
    snapshot::{Snapshot, Told},
};
use crate::{
    engine::{
        Platform, SimulatedHealth,
        listing::Listing,
        observed::{ContainerId, ContainerStatus},
    },
    error::{Error, ErrorKind},
    metrics::counters::{PluginCounters, add},
    model::{
        activity::{Operation, OperationKind},
        config_state::ConfigState,
        desired::Desired,
        env::EnvOverrides,
        event::{Event, EventKind},
        failure::{Failure, FailureCause},
        grants::Admission,
        keys::KeyPair,
        limits::LimitOverrides,
        overrides::Choices,
        probe::ProbeResult,
        record::PluginRecord,
    },
    protocol::client::{PluginClient, probe::probe},
    reconcile::{
        dependencies::{Board, unmet},
        drift::SpecMark,
        machine::{
            Machine,
            observation::Seen,
            step::{Input, Outcome, Step},
        },
    },
};

/// Grace of a stop where the manifest says none.
const USUAL_GRACE: Duration = Duration::from_secs(10);
/// Requests that wait for one plugin's actor.
pub(crate) const MAILBOX: usize = 32;
pub(crate) struct Actor {
    shared: Arc<Shared>,
    id: PluginId,
    /// What is stored of the plugin; its settings are at the desk.
    record: PluginRecord,
    /// What readers see of it.
    told: Told,
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
    mailbox: mpsc::Receiver<Posted>,
    hints: Arc<Notify>,
    listed: watch::Receiver<Option<Arc<Listing>>>,
    /// Where plugins find the host.
    platform: watch::Receiver<Platform>,
    /// Watched by those that depend on others.
    board: Option<watch::Receiver<Board>>,
    snapshot: watch::Sender<Snapshot>,
    operation: OptionFuture<BoxFuture<'static, Outcome>>,
    /// The same for readers.
    under_way: Option<Operation>,
    /// The span of the call that is being carried out. Let go when the plugin has come to rest, so that the span ends.
    cause: Span,
    probing: OptionFuture<BoxFuture<'static, (u64, ProbeResult)>>,
    diagnosing: OptionFuture<BoxFuture<'static, Failure>>,
    reading_lines: bool,
    updating: Updating,
    client: Option<PluginClient>,
    failures: u64,
    healthy_runs: u64,
    wake_at: Option<Instant>,
    /// Secrets that a container may still have and the next one will not.
    outgoing: Vec<String>,
}

/// What an actor is made of.
pub(crate) struct Parts {
    pub record: PluginRecord,
    pub config: Arc<ConfigDesk>,
    pub mailbox: mpsc::Receiver<Posted>,
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
        let terms = version_terms(&shared, manifest, &spec);
        let probe_timeout = terms.health.timeout;
        let machine =
            Machine::new(parts.record.desired, terms, parts.seed).waiting_at_most(shared.dependency_wait);
        let snapshot = Snapshot {
            state: machine.state(now()),
            client: None,
            diagnosing: false,
            failures: 0,
            healthy_runs: 0,
            halted: false,
            rotating: false,
            told: Told::of(&parts.record),
            updates: 0,
            update_failure: None,
            limits_in_force: (spec.limits, false),
        };
        dependents::post(&shared.board, &parts.record, &snapshot.state);
        let depends = !manifest.depends_on().is_empty();
        let board = depends.then(|| shared.board.subscribe());
        let (snapshot, reader) = watch::channel(snapshot);
        let actor = Self {
            health_path: manifest.health_check_path().as_str().to_owned(),
            probe_timeout,
            api_port: manifest.api_port().get(),
            operator: Operator {
                engine: Arc::clone(&shared.engine),
                spec,
                starts: Arc::clone(&shared.starts),
                metrics: Arc::clone(&shared.metrics),
                platform: made_for,
                platform_now: shared.platform.clone(),
                stop_grace: manifest.stop_timeout().unwrap_or(USUAL_GRACE),
            },
            machine,
            counters: shared.metrics.install(&id),
            told: Told::of(&parts.record),
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
            under_way: None,
            cause: Span::none(),
            probing: None.into(),
            diagnosing: None.into(),
            reading_lines: false,
            updating: Updating::new(),
            client: None,
            failures: 0,
            healthy_runs: 0,
            wake_at: None,
            outgoing: Vec::new(),
            id,
            shared,
        };
        actor.note_keys();
        // So that nobody takes an update that the last host left under way for one that is over.
        actor.publish();
        (actor, reader)
    }

    /// Runs until the plugin is gone or the supervisor ends.
    pub(crate) async fn run(&mut self) {
        let cancel = self.shared.cancel.clone();
        // The first list, where there is one already, saves every plugin a look of its own.
        let first = self.listed_input().unwrap_or(Input::Tick);
        self.follow_the_board();
        self.resume_update();
        self.feed(first);
        while !self.machine.is_removed() {
            self.drive_update().await;
            if self.record.keys.previous.is_some() && !self.machine.may_be_outdated() {
                self.retire_keys().await;
            }
            if !self.outgoing.is_empty() && !self.machine.may_be_outdated() {
                self.outgoing.clear();
                self.note_keys();
            }
            let wake = self.wake_at.map(tokio::time::Instant::from_std);
            if self.under_way.is_none() && !self.machine.phase().is_passing() {
                self.cause = Span::none();
            }
            // Every arm is cancel safe: the futures live in `self` and are polled again in the next round.
            tokio::select! {
                // The end first; then what the engine did, so that requests and timers act on the newest truth.
                biased;
                () = cancel.cancelled() => return,
                Some(outcome) = &mut self.operation => {
                    let outcome = outcome.redacted(&self.config.redactor());
                    self.operation = None.into();
                    self.under_way = None;
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
                    Some(Posted { request, caller }) => {
                        self.cause = caller;
                        self.handle(request).await;
                    }
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
                progress = self.updating.progress() => self.update_progressed(progress).await,
                () = changed(self.board.as_mut()) => self.follow_the_board(),
                Ok(()) = self.platform.changed() => self.remake(),
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
        let seen = listing.get(&self.id).cloned().map_or(Seen::Absent, Seen::Present);
        Some(Input::Listed(seen.redacted(&self.config.redactor())))
    }

    async fn handle(&mut self, request: Request) {
        match request {
            Request::Desire(desired, reply) => {
                let Some(desired) = self.machine.desired().followed_by(desired) else {
                    let error = Error::new(ErrorKind::Gone, "it is being uninstalled");
                    let _ = reply.send(Err(error.with_plugin(&self.id)));
                    return;
                };
                let stored = self.shared.store.set_desired(&self.id, desired).await;
                if stored.is_ok() {
                    self.feed(Input::Desire(desired));
                }
                // The caller may have gone; what is wanted is recorded all the same.
                let _ = reply.send(stored);
            }
            Request::Restart(reply) => {
                let wanted = self.machine.desired() == Desired::Running;
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
            Request::SetBoot(boot, reply) => {
                let choices = Choices {
                    boot,
                    ..self.record.choices.clone()
                };
                let _ = reply.send(self.choose(choices).await);
            }
            Request::SetEnv(env, reply) => {
                let changed = self.change_env(env).await;
                let _ = reply.send(changed);
            }
            Request::Grant(grants, reply) => {
                let granted = self.grant(grants).await;
                let _ = reply.send(granted);
            }
            Request::Update(order, reply) => {
                let begun = self.begin_update(order);
                self.publish();
                let _ = reply.send(begun);
            }
            Request::EndProbation(reply) => {
                let _ = reply.send(self.end_probation());
            }
            Request::ForgetPrevious(reply) => {
                let forgotten = self.forget_previous().await;
                let _ = reply.send(forgotten);
            }
            Request::Limit(limits, reply) => {
                let recorded = self.limit(limits).await;
                let _ = reply.send(recorded);
            }
            Request::Halt => self.feed(Input::Halt),
        }
    }

    async fn grant(&mut self, grants: Vec<Permission>) -> Result<(), Error> {
        let origin = self.record.admission.origin();
        let admission = Admission::new(origin, grants, &self.record.manifest);
        let had = self.record.admission.granted().iter();
        let revoked: Vec<_> = had.filter(|had| !admission.has(had)).cloned().collect();
        self.revoke_of_previous(&revoked).await?;
        self.shared.store.set_admission(&self.id, &admission).await?;
        self.record.admission = admission;
        self.told = Told::of(&self.record);
        self.feed(Input::Bar(dependents::bar(&self.shared, &self.record)));
        Ok(())
    }

    /// Takes in what has become of other plugins, and what that means for this one.
    fn follow_the_board(&mut self) {
        let depends_on = self.record.manifest.depends_on();
        let unmet = match &mut self.board {
            Some(board) => unmet(depends_on, &board.borrow_and_update()),
            None => Vec::new(),
        };
        let bar = dependents::bar(&self.shared, &self.record);
        if self.machine.bar() != bar.as_ref() {
            self.feed(Input::Bar(bar));
        }
        if self.machine.unmet() != unmet {
            self.feed(Input::Needs(unmet));
        }
    }

    /// New keys, durable before anything else happens. A container that may run keeps the old ones, which stay good
    /// until it is gone; the new digest makes the machine replace it.
    async fn rotate_keys(&mut self) -> Result<(), Error> {
        let keys = self.record.keys.rotated(
            KeyPair::generate().map_err(|message| Error::new(ErrorKind::Store, message))?,
            self.machine.may_run(),
        );
        self.shared.store.set_keys(&self.id, &keys).await?;
        self.record.keys = keys;
        self.note_keys();
        self.remake();
        Ok(())
    }

    /// Where plugins find the host is part of what their containers are made from.
    fn follow_the_platform(&mut self) {
        if self.platform.has_changed().unwrap_or(false) {
            self.remake();
        }
    }

    /// What the operator chose, durable before anything else happens.
    async fn choose(&mut self, choices: Choices) -> Result<(), Error> {
        self.shared.store.set_choices(&self.id, &choices).await?;
        self.record.choices = choices;
        self.told = Told::of(&self.record);
        self.publish();
        Ok(())
    }

    async fn change_env(&mut self, env: EnvOverrides) -> Result<bool, Error> {
        let next = self.record.choices.with_env(env);
        let next = next.map_err(|name| {
            let message = format!(
                "the secret environment variable {name} is as it is shown, which keeps its earlier value, and there is none"
            );
            Error::new(ErrorKind::InvalidInput, message).with_plugin(&self.id)
        })?;
        let Some(choices) = next else {
            return Ok(false);
        };
        let before = self.record.choices.secrets();
        self.choose(choices).await?;
        self.outgoing.extend(before);
        self.note_keys();
        self.remake();
        Ok(true)
    }

    /// What the container is made from has changed.
    fn remake(&mut self) {
        self.follow_record();
        self.feed(Input::Spec(SpecMark::of(&self.operator.spec)));
    }

    /// Limits of the operator's, durable before the engine hears of them.
    async fn limit(&mut self, limits: LimitOverrides) -> Result<(), Error> {
        self.shared.store.set_limits(&self.id, &limits).await?;
        self.record.limits = limits;
        self.remake();
        Ok(())
    }

    /// Takes over what the record says into everything that is made from it, but the machine.
    fn follow_record(&mut self) {
        let manifest = &self.record.manifest;
        let health = health_policy(&self.shared.health, manifest);
        manifest
            .health_check_path()
            .as_str()
            .clone_into(&mut self.health_path);
        self.probe_timeout = health.timeout;
        self.api_port = manifest.api_port().get();
        self.operator.stop_grace = manifest.stop_timeout().unwrap_or(USUAL_GRACE);
        self.operator.platform = self.platform.borrow_and_update().clone();
        self.operator.spec = Arc::new(spec_of(&self.shared, &self.record));
        self.told = Told::of(&self.record);
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
        let mut secrets = self.record.choices.secrets();
        secrets.extend(self.outgoing.iter().cloned());
        secrets.extend(keys.pairs().flat_map(KeyPair::texts));
        self.config.note_keys(secrets);
    }

    /// Hands one input to the machine and sets in motion what it asks for.
    fn feed(&mut self, input: Input) {
        let was = self.machine.phase();
        let Step {
            op,
            cancel,
            probe,
            verdict,
            events,
            wake_at,
        } = self.machine.step(input, now());
        self.wake_at = wake_at;
        if let Some(verdict) = verdict {
            self.updating.judged(verdict);
        }
        if cancel {
            self.operation = Some(async { Outcome::Retry("given up".to_owned()) }.boxed()).into();
        }
        self.follow_the_container();
        let mut listening = None;
        if let Some(op) = op {
            self.under_way = Some(Operation::begins(op));
            let container = self.container();
            let span = tracing::info_span!(
                parent: &self.cause, "engine operation", plugin = %self.id, operation = op.as_str()
            );
            let perform = self.operator.clone().perform(op, container.clone());
            let perform = perform.instrument(span);
            let is_silent = events.iter().any(is_silent);
            self.operation = match container.filter(|_| op == OperationKind::Stop && is_silent) {
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
        let phase = self.machine.phase();
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
                    Some(previous) if observed.spec_digest != SpecMark::of(&self.operator.spec).digest => {
                        previous
                    }
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
        let redactor = self.config.redactor();
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
                SimulatedHealth::Failing(reason) => ProbeResult::Missed(redactor.owned(reason)),
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
            let result = probe(&http, address, &path, timeout, &redactor).await;
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
            redactor.failure(diagnose::explain(failure, lines, &traces))
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
        state.update = self.update_state();
        state.last_update.clone_from(&self.record.updates.last);
        if let Some(trouble) = self.update_trouble() {
            state.failure = Some(trouble.clone());
        }
        state.boot = self.record.choices.boot;
        state.operation = self.under_way;
        let next = Snapshot {
            client: self.client.clone(),
            diagnosing: self.reading_lines,
            failures: self.failures,
            healthy_runs: self.healthy_runs,
            halted: self.machine.is_halted(),
            rotating: self.record.keys.previous.is_some(),
            told: self.told.clone(),
            updates: self.updating.ended,
            update_failure: self.updating.failure.clone(),
            limits_in_force: (self.operator.spec.limits, self.machine.has_its_limits()),
            state,
        };
        dependents::post(&self.shared.board, &self.record, &next.state);
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
        if !self.remove_copies().await {
            return;
        }
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

impl std::fmt::Debug for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Actor")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
