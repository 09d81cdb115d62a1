//! What is wrong with the host itself, and with no plugin.

use std::{fs::File, io::Write as _, path::Path, process::Command, sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{Router, routing::get};
use hap_host::{
    ErrorKind, EventStream, HealthPolicy, HostEventKind, HostProblemKind, LogForwarding, Phase, PluginHandle,
    ShutdownMode, StreamItem, Supervisor,
    engine::{EngineError, FakeEngine, LogSource},
};
use hap_manifest::{Manifest, PluginId};
use hap_tests::between::{Between, Watched};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;

const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Nobody;

#[async_trait]
impl Between for Nobody {
    async fn come(&self, _: &'static str) -> Result<(), EngineError> {
        Ok(())
    }

    async fn go(&self, _: &'static str) -> Result<(), EngineError> {
        Ok(())
    }
}

/// A supervisor that looks at its plugins every 50 ms, and a plugin that is healthy and served here.
async fn served(state: &Path) -> (Supervisor, PluginHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let engine = FakeEngine::new();
    let mut health = HealthPolicy::default();
    health.interval = Duration::from_millis(50);
    // Behind another one, so that plugins are asked, and the engine does not answer for them.
    let host = Supervisor::builder(Watched::new(Arc::new(engine.clone()), Arc::new(Nobody)), state);
    let host = host.health_policy(health).start().await.unwrap();
    let light = Manifest::builder("light", "Light", "1.0.0", "light:1");
    let plugin = host.install(light.build().unwrap()).await.unwrap();
    engine.set_address(plugin.id(), listener.local_addr().unwrap());
    let router = Router::new().route("/health", get(async || "{}"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    plugin.start().await.unwrap();
    (host, plugin)
}

async fn next(events: &mut EventStream) -> HostEventKind {
    let next = async {
        loop {
            if let StreamItem::Host(event) = events.next().await.unwrap() {
                return event.kind;
            }
        }
    };
    tokio::time::timeout(DEADLINE, next).await.unwrap()
}

/// Runs one test of this program in a process of its own, whose limits are nobody else's.
fn in_a_process_of_its_own(test: &str) -> bool {
    const INSIDE: &str = "HAP_TESTS_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let ran = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success() && told.contains("1 passed"),
        "{told}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    false
}

/// kubernetes#13385: a host with 64 descriptors and 60 open streams took its own "too many open files" for what
/// healthy plugins had not answered, and restarted them.
#[test]
fn a04_what_the_host_lacks_to_ask_is_not_held_against_plugins() {
    if !in_a_process_of_its_own("a_host::a04_what_the_host_lacks_to_ask_is_not_held_against_plugins") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let state = tempfile::tempdir().unwrap();
        let (host, plugin) = served(state.path()).await;
        let mut events = host.events();
        let maximum = getrlimit(Resource::Nofile).maximum;
        let limit = Rlimit {
            current: Some(128),
            maximum,
        };
        setrlimit(Resource::Nofile, limit).unwrap();
        // Also those that a health check gives back that was under way.
        let taking = tokio::spawn(async {
            let mut taken = Vec::new();
            loop {
                while let Ok(file) = File::open("/dev/null") {
                    taken.push(file);
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        let HostEventKind::ProblemBegan(problem) = next(&mut events).await else {
            panic!("nothing else happens to the host");
        };
        assert_eq!(problem.kind, HostProblemKind::Resources);
        assert!(problem.message.contains("file descriptor"), "{problem}");
        assert_eq!(host.problems(), [problem]);
        // Three in a row would have been the end of it.
        let asked_in_vain = async {
            loop {
                let text = host.metrics();
                let count = text.lines().find_map(|line| {
                    line.strip_prefix(r#"hap_probe_duration_seconds_count{result="not_asked"} "#)
                });
                if count
                    .and_then(|count| count.parse().ok())
                    .is_some_and(|count: u32| count >= 10)
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(DEADLINE, asked_in_vain).await.unwrap();
        let seen = plugin.state();
        assert_eq!(
            (seen.phase, seen.restarts, seen.failure),
            (Phase::Healthy, 0, None)
        );
        let error = plugin
            .command("turn_on", serde_json::json!({}))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("could not be asked"), "{error}");
        assert!(error.to_string().contains("ulimit -n"), "{error}");
        taking.abort();
        let healthy = plugin.wait_for(|state| state.phase == Phase::Healthy);
        tokio::time::timeout(DEADLINE, healthy).await.unwrap().unwrap();
    });
}

/// Lines of `light` that went into the host's log.
async fn forwarded(host: &Supervisor, enough: u64) -> u64 {
    let count = || {
        let text = host.metrics();
        let mut lines = text.lines();
        let line =
            lines.find_map(|line| line.strip_prefix(r#"hap_log_lines_forwarded_total{plugin="light"} "#));
        line.and_then(|count| count.trim_end_matches(".0").parse().ok())
            .unwrap_or(0)
    };
    let until = async {
        while count() < enough {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, until).await.unwrap();
    count()
}

/// balena-supervisor#488, beats#24318: logs were silent until the clock had passed the moment at which they were
/// first looked at.
#[tokio::test]
async fn a05_logs_are_forwarded_whatever_the_clocks_say() {
    let (engine, state) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let hour = Duration::from_secs(3600);
    // The host's clock is an hour ahead of the engine's.
    engine.set_clock_behind(hour);
    let start = async || {
        let flood = LogForwarding::default().burst(100_000).lines_per_second(100_000);
        let host = Supervisor::builder(engine.clone(), state.path()).forward_logs(flood);
        host.start().await.unwrap()
    };
    let print = |text: &str| engine.print(&PluginId::new("light").unwrap(), LogSource::Stdout, text);
    let host = start().await;
    let light = Manifest::builder("light", "Light", "1.0.0", "light:1");
    let light = host.install(light.build().unwrap()).await.unwrap();
    light.start().await.unwrap();
    for _ in 0..50 {
        print("before");
    }
    assert_eq!(forwarded(&host, 50).await, 50);

    // It is set back by another hour, and the plugin starts anew in the same container.
    engine.set_clock_behind(2 * hour);
    let container = light.state().container;
    light.restart().await.unwrap();
    assert_eq!(light.state().container, container);
    print("after");
    assert_eq!(forwarded(&host, 51).await, 51);
    // And forward again.
    engine.set_clock_behind(hour / 2);
    light.restart().await.unwrap();
    print("later");
    assert_eq!(forwarded(&host, 52).await, 52);

    // What an adopted plugin printed before is not repeated, whatever it is dated.
    host.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    let host = start().await;
    let printed = async {
        let mut printed = 0;
        loop {
            print("adopted");
            printed += 1;
            if tokio::time::timeout(Duration::from_millis(20), forwarded(&host, 1))
                .await
                .is_ok()
            {
                return printed;
            }
        }
    };
    let printed = tokio::time::timeout(DEADLINE, printed).await.unwrap();
    assert!(forwarded(&host, 1).await <= printed, "of {printed} lines");
}

fn keeper() -> Manifest {
    let keeper = Manifest::builder("keeper", "Keeper", "1.0.0", "keeper:1").volume("/data");
    keeper.build().unwrap()
}

/// Somebody tidied up: the host went on as if everything were written down, and a second one began beside it.
#[tokio::test]
async fn a09_a_state_folder_that_is_removed_is_noticed_and_told() {
    let (engine, folder) = (FakeEngine::new(), tempfile::tempdir().unwrap());
    let state = folder.path().join("state");
    let host = Supervisor::builder(engine.clone(), &state).start().await.unwrap();
    let plugin = host.install(keeper()).await.unwrap();
    plugin.start().await.unwrap();
    assert_eq!(host.problems(), []);
    let mut events = host.events();
    std::fs::remove_dir_all(&state).unwrap();
    // Nobody has to change anything for it to be noticed.
    let HostEventKind::ProblemBegan(problem) = next(&mut events).await else {
        panic!("nothing else happens to the host");
    };
    assert_eq!(problem.kind, HostProblemKind::StateFolder);
    assert!(problem.message.contains(&*state.to_string_lossy()), "{problem}");
    assert_eq!(host.problems(), [problem]);

    // Nothing is acknowledged that is kept nowhere.
    let mut other = Manifest::builder("other", "Other", "1.0.0", "other:1")
        .build()
        .unwrap();
    let error = host.install(other.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store, "{error}");
    let error = plugin.configure(serde_json::json!({ "a": 1 })).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store, "{error}");
    // And what takes away is done all the same.
    plugin.stop().await.unwrap();
    assert_eq!(plugin.state().phase, Phase::Stopped);
    let error = plugin.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store, "{error}");
    plugin.uninstall().remove_data(true).await.unwrap();
    assert_eq!((engine.containers(), engine.volumes()), (vec![], vec![]));

    // Another folder in its place is not this one.
    std::fs::create_dir(&state).unwrap();
    other = Manifest::builder("third", "Third", "1.0.0", "third:1")
        .build()
        .unwrap();
    assert_eq!(host.install(other).await.unwrap_err().kind(), ErrorKind::Store);
}

/// A small disk, which is gone with this.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new(size: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder.path())
            .status()
            .unwrap();
        assert!(mounted.success());
        Self(folder)
    }

    /// Writes until nothing fits any more.
    fn fill(&self) -> std::path::PathBuf {
        let path = self.0.path().join("filler");
        let mut file = File::create(&path).unwrap();
        for piece in [1 << 16, 1 << 10, 1] {
            while file.write_all(&vec![1; piece]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

/// balena-supervisor#2196: a host whose disk was full did not start, and the plugin that filled it could not be stopped.
#[tokio::test]
#[ignore = "needs root"]
async fn a08_a_host_starts_on_a_full_disk_and_lets_plugins_be_stopped_and_uninstalled() {
    let disk = SmallDisk::new("16m");
    let engine = FakeEngine::new();
    let state = disk.0.path().join("state");
    let start = async || Supervisor::builder(engine.clone(), &state).start().await.unwrap();
    let host = start().await;
    for id in ["filler", "other"] {
        let manifest = Manifest::builder(id, "Filler", "1.0.0", "filler:1").volume("/data");
        host.install(manifest.build().unwrap())
            .await
            .unwrap()
            .start()
            .await
            .unwrap();
    }
    host.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop(host);
    let filler = disk.fill();
    // As after a restart of the machine.
    let _ = std::fs::remove_file(state.join("hap.db-shm"));

    let host = start().await;
    let mut events = host.events();
    let plugin = |id: &str| host.plugin(&PluginId::new(id).unwrap()).unwrap();
    for id in ["filler", "other"] {
        let healthy = plugin(id);
        let healthy = healthy.wait_for(|state| state.phase == Phase::Healthy);
        tokio::time::timeout(DEADLINE, healthy).await.unwrap().unwrap();
    }
    let full = async {
        while !host
            .problems()
            .iter()
            .any(|problem| problem.kind == HostProblemKind::StateDisk)
        {
            next(&mut events).await;
        }
    };
    tokio::time::timeout(DEADLINE, full).await.unwrap();
    // What the reserve left is taken by whoever fills the disk, until nothing at all can be recorded.
    let mut more = vec![disk.0.path().join("filler-1")];
    let _ = std::fs::write(&more[0], vec![1; 2 << 20]);
    while plugin("other")
        .set_autostart(hap_host::Autostart::Always)
        .await
        .is_ok()
        && plugin("other")
            .set_autostart(hap_host::Autostart::Restore)
            .await
            .is_ok()
    {
        let path = disk.0.path().join(format!("filler-{}", more.len() + 1));
        let _ = std::fs::write(&path, vec![1; 64 << 10]);
        more.push(path);
    }
    plugin("filler").stop().await.unwrap();
    assert_eq!(plugin("filler").state().phase, Phase::Stopped);
    let removed = plugin("other");
    let removing = tokio::spawn(async move { removed.uninstall().remove_data(true).await });
    let gone = async {
        while engine
            .containers()
            .iter()
            .any(|container| container.plugin.as_str() == "other")
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.unwrap();
    // There is room again: what was done is recorded, and the problem is over.
    for path in [filler].into_iter().chain(more) {
        let _ = std::fs::remove_file(path);
    }
    tokio::time::timeout(DEADLINE, removing)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    while next(&mut events).await != HostEventKind::ProblemEnded(HostProblemKind::StateDisk) {}
    assert!(state.join("hap.reserve").exists());
    host.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    drop(host);
    let host = start().await;
    let ids: Vec<_> = host
        .plugins()
        .iter()
        .map(|plugin| plugin.id().to_string())
        .collect();
    assert_eq!(ids, ["filler"]);
    assert_eq!(host.plugins()[0].state().desired, hap_host::Desired::Stopped);
    host.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
}
