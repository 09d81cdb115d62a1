use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use hap_host::{
    Desired, Error, ErrorKind, LimitOverrides, Phase, PluginHandle, PluginState, ShutdownMode, Supervisor,
    UpdateStage,
    engine::{ContainerStatus, FakeEngine},
};
use hap_manifest::{Manifest, MemoryLimit, PluginId};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    action::{Action, Call, EngineFault, HostFault, Meddling, Mishap, PLUGINS},
    law,
};

/// Longest time in which everything has to be as wanted once nothing disturbs any more: several times the longest
/// pause (60 s), the longest deadline of a call (60 s), and a copy of data that hangs (15 min, 30 min on the way back).
const SETTLE: Duration = Duration::from_secs(2 * 60 * 60);
/// By then the supervisor has listed everything anew, so it knows also what no event told.
const RELIST: Duration = Duration::from_secs(35);
/// For so long nothing may happen to a settled plugin.
const QUIET: Duration = Duration::from_secs(5 * 60);
const FOREIGN: &str = "somebody-elses";

/// A host application with its engine and disk, which goes through an order of actions.
pub(crate) struct Host {
    engine: FakeEngine,
    state: TempDir,
    supervisor: Option<Supervisor>,
    /// What was asked for and acknowledged; `None` when a call failed half way, so that either may be.
    wanted: BTreeMap<PluginId, Option<Desired>>,
    acted: BTreeMap<PluginId, Vec<Instant>>,
    /// Numbers the versions.
    versions: u64,
    /// Plugins that have something in their volume.
    marked: BTreeSet<PluginId>,
}

/// What a plugin has in its volume. Nobody but the supervisor's copies writes to it.
const MARK: &str = "precious";

impl Host {
    pub(crate) async fn start() -> Self {
        // In memory where there is such a folder: the orders are many and each syncs often.
        let state = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
        let engine = FakeEngine::new();
        engine.add_foreign(FOREIGN);
        let mut host = Self {
            engine,
            state,
            supervisor: None,
            wanted: BTreeMap::new(),
            acted: BTreeMap::new(),
            versions: 1,
            marked: BTreeSet::new(),
        };
        host.open().await;
        host
    }

    pub(crate) async fn go_through(&mut self, order: &[Action]) {
        for action in order {
            self.act(action).await;
            self.mark();
            assert!(
                self.engine.concurrent_operations().is_empty(),
                "two operations at once"
            );
        }
    }

    async fn act(&mut self, action: &Action) {
        match action {
            Action::Wait(time) => sleep(*time).await,
            Action::Api(plugin, call) => self.call(&id(*plugin), call).await,
            Action::Plugin(plugin, mishap) => self.mishap(&id(*plugin), mishap),
            Action::Hand(plugin, Meddling::Remove) => {
                // With the container goes what it tells of its last run.
                self.touch(&id(*plugin));
                self.engine.remove_externally(&id(*plugin));
            }
            Action::Hand(plugin, Meddling::Pause) => self.engine.pause(&id(*plugin)),
            Action::Hand(plugin, Meddling::Resume) => self.engine.resume(&id(*plugin)),
            Action::Engine(fault) => self.break_engine(fault),
            Action::Host(fault) => self.end_host(fault).await,
        }
    }

    /// Gives every plugin something to lose. What is written while a version is on probation is lost with it, so not then.
    fn mark(&mut self) {
        for id in (0..PLUGINS).map(id) {
            let plugin = self.supervisor.as_ref().unwrap().plugin(&id);
            let rests = plugin.map(|plugin| plugin.state()).is_some_and(|state| {
                state.update.is_none() && !matches!(state.desired, Desired::Removed { .. })
            });
            if rests
                && !self.marked.contains(&id)
                && let Some(volume) = self.data_of(&id)
            {
                self.engine.write_volume(&volume, MARK);
                self.marked.insert(id);
            }
        }
    }

    /// The volume of a plugin that is no copy.
    fn data_of(&self, id: &PluginId) -> Option<String> {
        let mut volumes = self.engine.volumes().into_iter();
        volumes.find(|name| name.contains(id.as_str()) && !name.contains(".snapshot-"))
    }

    fn copies_of(&self, id: &PluginId) -> usize {
        let volumes = self.engine.volumes();
        let copies = volumes
            .iter()
            .filter(|name| name.contains(id.as_str()) && name.contains(".snapshot-"));
        copies.count()
    }

    async fn update(&mut self, id: &PluginId, works: bool, waits: Duration) {
        let Some(plugin) = self.supervisor.as_ref().unwrap().plugin(id) else {
            return;
        };
        self.touch(id);
        self.versions += 1;
        let manifest = version(id, self.versions);
        if !works {
            self.engine
                .crash_image_at_start(manifest.image(), Some(Mishap::exit(1)));
        }
        match timeout(waits, plugin.update(manifest)).await {
            Ok(Ok(_)) | Err(_) => {}
            Ok(Err(error)) => assert!(
                matches!(
                    error.kind(),
                    ErrorKind::Failed
                        | ErrorKind::Busy
                        | ErrorKind::Image
                        | ErrorKind::Engine
                        | ErrorKind::Timeout
                        | ErrorKind::Gone
                ),
                "updating {id}: {error}"
            ),
        }
        self.touch(id);
    }

    async fn call(&mut self, id: &PluginId, call: &Call) {
        let supervisor = self.supervisor.clone().unwrap();
        match call {
            Call::Update { works, waits } => self.update(id, *works, *waits).await,
            Call::RollBack { with_data } => {
                if let Some(plugin) = supervisor.plugin(id) {
                    self.touch(id);
                    if *with_data {
                        // What the earlier version left may be from before there was anything.
                        self.marked.remove(id);
                    }
                    // There may be nothing to go back to; whether there is is not the point here.
                    let _ = timeout(
                        Duration::from_secs(60),
                        plugin.roll_back().restore_data(*with_data),
                    )
                    .await;
                    self.touch(id);
                }
            }
            Call::Limit(mebibytes) => {
                if let Some(plugin) = supervisor.plugin(id) {
                    self.touch(id);
                    let memory = MemoryLimit::from_mib(*mebibytes).unwrap();
                    let limits = LimitOverrides::default().memory(memory);
                    let _ = timeout(Duration::from_millis(1), plugin.set_limits(limits)).await;
                }
            }
            Call::Install => {
                let installed = supervisor.install(manifest(id)).await;
                self.note_install(id, installed);
            }
            Call::InstallGivenUp(time) => match timeout(*time, supervisor.install(manifest(id))).await {
                Ok(installed) => self.note_install(id, installed),
                // Installed as a whole or not at all; which of both shows later.
                Err(_) if supervisor.plugin(id).is_none() => drop(self.wanted.insert(id.clone(), None)),
                Err(_) => {}
            },
            Call::Run => self.desire(id, Desired::Running).await,
            Call::Stop => self.desire(id, Desired::Stopped).await,
            Call::Uninstall { with_data } => {
                let with_data = *with_data;
                if with_data {
                    self.marked.remove(id);
                }
                self.desire(id, Desired::Removed { with_data }).await;
            }
            Call::Restart => {
                if let Some(plugin) = supervisor.plugin(id) {
                    self.touch(id);
                    // It goes on in the background; whether it can is not the point here.
                    let _ = timeout(Duration::from_millis(1), plugin.restart()).await;
                }
            }
        }
    }

    fn note_install(&mut self, id: &PluginId, installed: Result<PluginHandle, Error>) {
        match installed {
            Ok(_) => self.note(id, Desired::Stopped, Ok(())),
            Err(error) => assert!(
                matches!(
                    error.kind(),
                    ErrorKind::AlreadyInstalled
                        | ErrorKind::Busy
                        | ErrorKind::Image
                        | ErrorKind::Engine
                        | ErrorKind::Timeout
                ),
                "installing {id}: {error}"
            ),
        }
    }

    async fn desire(&mut self, id: &PluginId, desired: Desired) {
        let Some(plugin) = self.supervisor.as_ref().unwrap().plugin(id) else {
            return;
        };
        // A plugin that is being removed does not come back.
        if matches!(plugin.state().desired, Desired::Removed { .. }) && desired == Desired::Running {
            return;
        }
        let result = plugin.set_desired(desired).await;
        self.note(id, desired, result);
    }

    fn note(&mut self, id: &PluginId, desired: Desired, result: Result<(), Error>) {
        self.touch(id);
        match result {
            Ok(()) => drop(self.wanted.insert(id.clone(), Some(desired))),
            Err(error) if error.kind() == ErrorKind::Gone => drop(self.wanted.remove(id)),
            Err(error) => panic!("{id} could not be wanted {desired}: {error}"),
        }
    }

    fn touch(&mut self, id: &PluginId) {
        self.acted.entry(id.clone()).or_default().push(Instant::now());
    }

    fn mishap(&self, id: &PluginId, mishap: &Mishap) {
        match mishap {
            Mishap::Exits(code) => self.engine.crash(id, Mishap::exit(*code)),
            Mishap::OutOfMemory => self.engine.crash(id, Mishap::out_of_memory()),
            Mishap::ExitsAtEachStart(code) => self.engine.crash_at_start(id, code.map(Mishap::exit)),
            Mishap::Answers(health) => self.engine.set_health(id, health.clone()),
        }
    }

    fn break_engine(&self, fault: &EngineFault) {
        let engine = &self.engine;
        match fault {
            EngineFault::Fails(operation, kind) => engine.fail_next(*operation, *kind),
            EngineFault::LosesAnswer(operation) => {
                engine.lose_next_answer(*operation, hap_host::engine::EngineErrorKind::Unavailable);
            }
            EngineFault::Hangs(operation) => engine.hang_next(*operation),
            EngineFault::Slow(operation, delay) => engine.set_delay(*operation, *delay),
            EngineFault::Away(away) => engine.set_unavailable(*away),
            EngineFault::LosesEvents(events) => engine.lose_events(*events),
            EngineFault::CutsEvents => engine.break_event_stream(),
        }
    }

    async fn end_host(&mut self, fault: &HostFault) {
        let supervisor = self.supervisor.take().unwrap();
        match fault {
            HostFault::Killed => drop(supervisor),
            // A plugin that is not down in time is told of, and the host has ended all the same.
            HostFault::Leaves => drop(supervisor.shutdown(ShutdownMode::LeaveRunning).await),
            HostFault::StopsAll => drop(supervisor.shutdown(ShutdownMode::StopPlugins).await),
        }
        self.open().await;
        for id in (0..PLUGINS).map(id) {
            self.touch(&id);
        }
    }

    /// Starts the supervisor, again and again where the engine is not there, as a service manager would.
    async fn open(&mut self) {
        for attempt in 0.. {
            let builder = Supervisor::builder(self.engine.clone(), self.state.path());
            match builder.start().await {
                Ok(supervisor) => {
                    self.supervisor = Some(supervisor);
                    return;
                }
                Err(error) => {
                    let passing = matches!(
                        error.kind(),
                        ErrorKind::Engine | ErrorKind::Timeout | ErrorKind::Store
                    );
                    assert!(passing && attempt < 200, "the host does not start: {error}");
                }
            }
            // The engine comes back sooner or later.
            if attempt == 20 {
                self.engine.clear_faults();
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// Lets the dust settle, and checks that everything is as it is wanted, and stays so.
    pub(crate) async fn comes_to_what_is_wanted(mut self) {
        self.engine.clear_faults();
        self.engine.break_event_stream();
        self.settle().await;
        // What was given up for good is tried again when somebody acts.
        let plugins = self.supervisor.as_ref().unwrap().plugins();
        for plugin in plugins {
            let state = plugin.state();
            if state.phase == Phase::Failed {
                let failure = state.failure.unwrap();
                assert!(failure.cause.is_permanent(), "{} gave up: {failure}", plugin.id());
                self.desire(plugin.id(), Desired::Running).await;
            }
        }
        self.settle().await;
        for plugin in self.supervisor.as_ref().unwrap().plugins() {
            let state = plugin.state();
            assert_ne!(state.phase, Phase::Failed, "{}: {state:?}", plugin.id());
        }
        self.is_as_wanted();
        self.versions_are_whole();
        let runs = self.engine.runs();
        sleep(QUIET).await;
        self.is_as_wanted();
        assert_eq!(
            self.engine.runs(),
            runs,
            "something happened to a plugin that was well"
        );
        law::backoff_was_kept(&runs, &self.acted);
        assert!(
            self.engine.concurrent_operations().is_empty(),
            "two operations at once"
        );
        assert_eq!(self.engine.foreign(), [FOREIGN], "somebody else's was touched");
        let supervisor = self.supervisor.take().unwrap();
        supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
        let running = self.engine.containers().iter().any(is_up);
        assert!(!running, "a plugin runs after the shutdown");
    }

    /// Every plugin is one version from its manifest to its container, has its data, and at most the copy that the version
    /// before left.
    fn versions_are_whole(&self) {
        let supervisor = self.supervisor.as_ref().unwrap();
        for id in (0..PLUGINS).map(id) {
            let Some(plugin) = supervisor.plugin(&id) else {
                assert_eq!(self.copies_of(&id), 0, "{id} left a copy of its data");
                continue;
            };
            assert!(is_settled(&plugin.state()), "{id}: {:?}", plugin.state().update);
            let copies = self.copies_of(&id);
            assert!(copies <= 1, "{id} has {copies} copies of its data");
            if self.marked.contains(&id) {
                let data = self
                    .data_of(&id)
                    .and_then(|volume| self.engine.read_volume(&volume));
                assert_eq!(data.as_deref(), Some(MARK), "{id} lost its data");
            }
            if plugin.state().desired == Desired::Running {
                let spec = self.engine.spec(&id).unwrap();
                assert_eq!(
                    spec.image,
                    format!("sha256:{}", plugin.manifest().image()),
                    "{id}"
                );
                assert_eq!(spec.limits, plugin.limits(), "{id}");
            }
        }
    }

    async fn settle(&self) {
        sleep(RELIST).await;
        let supervisor = self.supervisor.as_ref().unwrap();
        for plugin in supervisor.plugins() {
            let settled = plugin.wait_for(|state| match state.desired {
                Desired::Running => {
                    is_settled(state) && matches!(state.phase, Phase::Healthy | Phase::Failed)
                }
                Desired::Stopped => is_settled(state) && state.phase == Phase::Stopped,
                _ => false,
            });
            match timeout(SETTLE, settled).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) if error.kind() == ErrorKind::Gone => {}
                Ok(Err(error)) => panic!("{}: {error}", plugin.id()),
                Err(_) => panic!("{} never came to rest: {:?}", plugin.id(), plugin.state()),
            }
        }
    }

    fn is_as_wanted(&self) {
        let supervisor = self.supervisor.as_ref().unwrap();
        let containers = self.engine.containers();
        for index in 0..PLUGINS {
            let id = id(index);
            let wanted = self.wanted.get(&id).copied();
            let own = containers.iter().filter(|c| c.plugin == id).collect::<Vec<_>>();
            let up = own.iter().filter(|c| is_up(c)).count();
            let handle = supervisor.plugin(&id);
            match wanted {
                Some(None) => assert!(own.is_empty(), "{id}: {own:?}"),
                Some(Some(Desired::Running)) => {
                    assert_eq!((own.len(), up), (1, 1), "{id}: {own:?}");
                    let frozen = own.iter().any(|c| c.status == ContainerStatus::Paused);
                    assert!(!frozen, "{id}: {own:?}");
                    assert_eq!(handle.unwrap().state().desired, Desired::Running, "{id}");
                }
                Some(Some(Desired::Stopped)) => {
                    assert_eq!(up, 0, "{id}: {own:?}");
                    assert!(own.len() <= 1, "{id}: {own:?}");
                    assert_eq!(handle.unwrap().state().desired, Desired::Stopped, "{id}");
                }
                _ => {
                    assert!(own.is_empty(), "{id}: {own:?}");
                    assert!(handle.is_none(), "{id} is still installed");
                    let with_data = wanted == Some(Some(Desired::Removed { with_data: true }));
                    let left = self.engine.volumes();
                    let left = left.iter().any(|volume| volume.contains(id.as_str()));
                    assert!(!(with_data && left), "{id} left its data");
                }
            }
        }
    }
}

/// Whether no update goes on. The watch over a version waits for as long as it shall not run.
fn is_settled(state: &PluginState) -> bool {
    match &state.update {
        None => true,
        Some(update) => update.stage == UpdateStage::Probation && state.desired == Desired::Stopped,
    }
}

fn is_up(container: &hap_host::engine::Observed) -> bool {
    matches!(
        container.status,
        ContainerStatus::Running | ContainerStatus::Paused
    )
}

fn id(index: usize) -> PluginId {
    PluginId::new(format!("plugin-{index}")).unwrap()
}

fn manifest(id: &PluginId) -> Manifest {
    version(id, 1)
}

fn version(id: &PluginId, number: u64) -> Manifest {
    Manifest::builder(
        id.as_str(),
        "Plugin",
        format!("{number}.0.0"),
        format!("plugin:{number}"),
    )
    .volume("/data")
    .build()
    .unwrap()
}
