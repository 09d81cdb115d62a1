use std::{
    collections::HashMap,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use bollard::{Docker, query_parameters::ListVolumesOptionsBuilder};
use hap_host::{
    Desired, Phase, PluginHandle, ProbationPolicy, ShutdownMode, Supervisor, UpdateResult,
    engine::{ContainerStatus, Engine, Observed, labels},
};
use hap_manifest::{Manifest, PluginId};
use hap_tests::docker::{self, Fixture, Instance, ask};
use tempfile::TempDir;

use crate::{
    DEADLINE,
    bed::manifest,
    report::{HOST, Row, record},
    victim::until,
};

/// What the plugin has in its volume.
const MARK: &str = "kept";
/// Kills at moments that no call to the engine marks: writes to the disk among them.
const MOMENTS: u64 = 25;
/// Between two of them.
const MOMENT: u64 = 8;

/// What a host is killed at, the state that it begins in, and the states that it may lead to.
struct Deed {
    name: &'static str,
    fault: &'static str,
    from: From,
    /// Whether the plugin may be gone afterwards.
    ends_without: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Nothing,
    Stopped,
    Running,
}

/// A plugin's life in the hands of hosts that are killed one after the other.
struct Relay {
    instance: Instance,
    state: TempDir,
    manifest: Manifest,
    manifest_file: PathBuf,
}

impl Relay {
    async fn new() -> Self {
        let instance = Instance::new().await.unwrap();
        let image = docker::image(instance.engine(), Fixture::Faulty).await;
        let state = tempfile::tempdir().unwrap();
        let manifest = manifest("heir", &image, r#","stop_timeout":"1s""#);
        let manifest_file = state.path().with_extension("json");
        std::fs::write(&manifest_file, serde_json::to_string(&manifest).unwrap()).unwrap();
        Self {
            instance,
            state,
            manifest,
            manifest_file,
        }
    }

    fn id(&self) -> &PluginId {
        self.manifest.id()
    }

    async fn host(&self) -> Supervisor {
        let builder = Supervisor::builder(self.instance.engine().clone(), self.state.path());
        builder
            .instance(self.instance.name().clone())
            .probation_policy(ProbationPolicy::default().healthy_for(Duration::from_millis(300)))
            .start()
            .await
            .unwrap()
    }

    /// Brings the plugin into a state.
    async fn bring(&self, supervisor: &Supervisor, to: From) {
        let plugin = supervisor.plugin(self.id());
        if to == From::Nothing {
            if let Some(plugin) = plugin {
                plugin.uninstall().remove_data(true).await.unwrap();
            }
            return;
        }
        let plugin = match plugin {
            Some(plugin) => plugin,
            None => supervisor.install(self.manifest.clone()).await.unwrap(),
        };
        plugin.start().await.unwrap();
        self.ask(&plugin, &format!("write:/data/mark:{MARK}")).await;
        if to == From::Stopped {
            plugin.stop().await.unwrap();
        }
    }

    async fn ask(&self, plugin: &PluginHandle, what: &str) -> String {
        let container = plugin.state().container.unwrap();
        let observed = self.instance.engine().inspect(&container).await.unwrap();
        ask(observed.address.unwrap(), &format!("/do?{what}"))
            .await
            .unwrap()
    }

    /// Puts the manifest of the version that the plugin does not have where the next host reads it.
    fn offer_another_version(&self, plugin: &PluginHandle) {
        let mut offered = serde_json::to_value(&self.manifest).unwrap();
        if plugin.manifest().version() == self.manifest.version()
            && let Some(version) = offered.get_mut("version")
        {
            *version = "2.0.0".into();
        }
        std::fs::write(&self.manifest_file, offered.to_string()).unwrap();
    }

    /// Lets another host do it and die; whether it died.
    async fn kill_a_host(&self, deed: &str, death: &str) -> bool {
        let (state, file) = (self.state.path().to_owned(), self.manifest_file.clone());
        let arguments = [self.instance.name().to_string(), deed.to_owned()];
        let death = death.to_owned();
        let run = tokio::task::spawn_blocking(move || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_mortal_host"));
            command.arg(state).args(arguments).arg(file).arg(death);
            command.stdin(Stdio::null()).output().unwrap()
        });
        let output = tokio::time::timeout(DEADLINE, run).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        match (output.status.signal(), output.status.code()) {
            (Some(9), _) => true,
            (_, Some(0)) => false,
            _ => panic!("{deed}: the host ended with {}: {said}", output.status),
        }
    }

    async fn containers(&self) -> Vec<Observed> {
        self.instance.engine().list(self.instance.name()).await.unwrap()
    }

    /// Volumes that hold data, and those that hold a copy of it.
    async fn volumes(&self) -> (usize, usize) {
        let docker = Docker::connect_with_host(self.instance.engine().uri()).unwrap();
        let filters = HashMap::from([(
            "label",
            vec![format!("{}={}", labels::INSTANCE, self.instance.name())],
        )]);
        let options = ListVolumesOptionsBuilder::default().filters(&filters).build();
        let found = docker.list_volumes(Some(options)).await.unwrap();
        let found = found.volumes.unwrap_or_default();
        let copies = found
            .iter()
            .filter(|volume| volume.name.contains(".snapshot-"))
            .count();
        (found.len() - copies, copies)
    }

    /// Starts the next host over what the last one left, waits until it has put everything right, and checks that
    /// nothing was lost and nothing is left over. Returns how long that took.
    async fn inherit(&self, deed: &Deed, death: &str) -> (Supervisor, Duration) {
        let left = self.containers().await;
        let began = Instant::now();
        let supervisor = self.host().await;
        let Some(plugin) = supervisor.plugin(self.id()) else {
            assert!(deed.ends_without, "{} {death}: the plugin is gone", deed.name);
            assert_eq!(
                self.containers().await,
                [],
                "{} {death}: nothing is left over",
                deed.name
            );
            return (supervisor, began.elapsed());
        };
        let settled = settle(&supervisor, &plugin).await;
        let took = began.elapsed();
        let there = self.containers().await;
        if settled == Phase::Removed {
            assert!(deed.ends_without);
            assert_eq!(there, [], "{} {death}: nothing is left over", deed.name);
            return (supervisor, took);
        }
        assert!(there.len() <= 1, "{} {death}: {there:?}", deed.name);
        let (volumes, copies) = self.volumes().await;
        assert!(
            volumes <= 1 && copies <= 2,
            "{} {death}: {volumes} volumes, {copies} copies",
            deed.name
        );
        let (update, last) = (plugin.state().update, plugin.state().last_update);
        assert_eq!(update, None, "{} {death}", deed.name);
        assert!(
            last.is_none_or(|last| last.result == UpdateResult::Committed),
            "{} {death}",
            deed.name
        );
        if settled == Phase::Healthy {
            // What ran was taken over as it was, and not started again.
            if let Some(left) = left.iter().find(|left| left.status == ContainerStatus::Running)
                && !matches!(deed.name, "restart" | "update")
            {
                assert_eq!(there.first(), Some(left), "{} {death}", deed.name);
            }
            assert_eq!(self.ask(&plugin, "read:/data/mark").await, MARK);
        }
        (supervisor, took)
    }
}

/// Waits until a plugin is what is wanted of it, whatever that is.
async fn settle(supervisor: &Supervisor, plugin: &PluginHandle) -> Phase {
    let wanted = plugin.state().desired;
    if matches!(wanted, Desired::Removed { .. }) {
        let gone = async {
            while supervisor.plugin(plugin.id()).is_some() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(DEADLINE, gone).await.unwrap();
        return Phase::Removed;
    }
    let phase = if wanted == Desired::Running {
        Phase::Healthy
    } else {
        Phase::Stopped
    };
    let settled = until(plugin, |state| state.phase == phase && state.update.is_none());
    settled.await.phase
}

async fn every_death(deed: Deed) {
    let relay = Relay::new().await;
    let mut supervisor = relay.host().await;
    let mut took = Vec::new();
    let mut deaths = Vec::new();
    for moment in ["before", "during", "after"] {
        // Ends with the first host that outlives its deed.
        deaths.extend((1..100).map(|call| (true, format!("{moment}:{call}"))));
    }
    deaths.extend((0..MOMENTS).map(|moment| (false, format!("time:{}", moment * MOMENT))));
    let mut survived = "";
    for (counts, death) in &deaths {
        let kind = death.split(':').next().unwrap();
        if survived == kind {
            continue;
        }
        relay.bring(&supervisor, deed.from).await;
        if let Some(plugin) = supervisor.plugin(relay.id())
            && deed.name == "update"
        {
            relay.offer_another_version(&plugin);
        }
        supervisor.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
        drop(supervisor);
        let died = relay.kill_a_host(deed.name, death).await;
        let (next, time) = relay.inherit(&deed, death).await;
        supervisor = next;
        if died {
            took.push(time);
        } else if *counts {
            survived = kind;
        }
    }
    relay.bring(&supervisor, From::Nothing).await;
    assert_eq!(relay.containers().await, []);
    assert_eq!(relay.volumes().await, (0, 0), "no volume is left over");
    supervisor.shutdown(ShutdownMode::StopPlugins).await.unwrap();
    std::fs::remove_file(&relay.manifest_file).unwrap();
    took.sort();
    assert!(took.len() > 10, "only {} hosts were killed", took.len());
    println!("{}: {} hosts were killed", deed.name, took.len());
    record(&Row {
        table: HOST,
        fault: deed.fault,
        expected: "the next host ends in the old state or the new one; nothing is lost, nothing left over; what ran is adopted",
        seen: "so it is after each kill".to_owned(),
        detected: None,
        healthy: took.last().copied(),
    });
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_host_that_is_killed_while_it_installs_leaves_all_or_nothing() {
    every_death(Deed {
        name: "install",
        fault: "killed while it installs",
        from: From::Nothing,
        ends_without: true,
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_host_that_is_killed_while_it_starts_a_plugin_is_followed_by_one_that_adopts_it() {
    every_death(Deed {
        name: "start",
        fault: "killed while it starts a plugin",
        from: From::Stopped,
        ends_without: false,
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_host_that_is_killed_while_it_stops_a_plugin_leaves_it_running_or_stopped() {
    every_death(Deed {
        name: "stop",
        fault: "killed while it stops a plugin",
        from: From::Running,
        ends_without: false,
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_host_that_is_killed_while_it_restarts_a_plugin_is_followed_by_one_that_runs_it() {
    every_death(Deed {
        name: "restart",
        fault: "killed while it restarts a plugin",
        from: From::Running,
        ends_without: false,
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_host_that_is_killed_while_it_uninstalls_leaves_all_or_nothing() {
    every_death(Deed {
        name: "uninstall-with-data",
        fault: "killed while it uninstalls",
        from: From::Running,
        ends_without: true,
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a Docker engine"]
async fn a_host_that_is_killed_while_it_updates_leaves_the_old_version_or_the_new_one_with_all_data() {
    every_death(Deed {
        name: "update",
        fault: "killed while it updates",
        from: From::Running,
        ends_without: false,
    })
    .await;
}
