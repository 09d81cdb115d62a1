use std::{collections::BTreeMap, time::Duration};

use hap_host::{
    Desired, Error, ErrorKind, Phase, PluginHandle, Shutdown, Supervisor,
    engine::{ContainerStatus, FakeEngine},
};
use hap_manifest::{Manifest, PluginId};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    action::{Action, Call, EngineFault, HostFault, Meddling, Mishap, PLUGINS},
    law,
};

/// Longest time in which everything has to be as wanted once nothing disturbs any more: several times the longest
/// pause (60 s), the longest deadline (60 s) and the longest call that hangs (30 s).
const SETTLE: Duration = Duration::from_secs(15 * 60);
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
}

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
        };
        host.open().await;
        host
    }

    pub(crate) async fn go_through(&mut self, order: &[Action]) {
        for action in order {
            self.act(action).await;
            assert!(self.engine.overlaps().is_empty(), "two operations at once");
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
                self.engine.remove_by_hand(&id(*plugin));
            }
            Action::Hand(plugin, Meddling::Pause) => self.engine.pause_by_hand(&id(*plugin)),
            Action::Hand(plugin, Meddling::Resume) => self.engine.resume_by_hand(&id(*plugin)),
            Action::Engine(fault) => self.break_engine(fault),
            Action::Host(fault) => self.end_host(fault).await,
        }
    }

    async fn call(&mut self, id: &PluginId, call: &Call) {
        let supervisor = self.supervisor.clone().unwrap();
        match call {
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
            EngineFault::CutsEvents => engine.cut_events(),
        }
    }

    async fn end_host(&mut self, fault: &HostFault) {
        let supervisor = self.supervisor.take().unwrap();
        match fault {
            HostFault::Killed => drop(supervisor),
            // A plugin that is not down in time is told of, and the host has ended all the same.
            HostFault::Leaves => drop(supervisor.shutdown(Shutdown::LeaveRunning).await),
            HostFault::StopsAll => drop(supervisor.shutdown(Shutdown::StopPlugins).await),
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
                self.engine.calm();
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// Lets the dust settle, and checks that everything is as it is wanted, and stays so.
    pub(crate) async fn comes_to_what_is_wanted(mut self) {
        self.engine.calm();
        self.engine.cut_events();
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
        let runs = self.engine.runs();
        sleep(QUIET).await;
        self.is_as_wanted();
        assert_eq!(
            self.engine.runs(),
            runs,
            "something happened to a plugin that was well"
        );
        law::backoff_was_kept(&runs, &self.acted);
        assert!(self.engine.overlaps().is_empty(), "two operations at once");
        assert_eq!(self.engine.foreign(), [FOREIGN], "somebody else's was touched");
        let supervisor = self.supervisor.take().unwrap();
        supervisor.shutdown(Shutdown::StopPlugins).await.unwrap();
        let running = self.engine.containers().iter().any(is_up);
        assert!(!running, "a plugin runs after the shutdown");
    }

    async fn settle(&self) {
        sleep(RELIST).await;
        let supervisor = self.supervisor.as_ref().unwrap();
        for plugin in supervisor.plugins() {
            let settled = plugin.wait_for(|state| match state.desired {
                Desired::Running => matches!(state.phase, Phase::Healthy | Phase::Failed),
                Desired::Stopped => state.phase == Phase::Stopped,
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
    Manifest::builder(id.as_str(), "Plugin", "1.0.0", "plugin:1")
        .volume("/data")
        .build()
        .unwrap()
}
