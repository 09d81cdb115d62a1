//! The engine with shell scripts as plugins.

mod adoption;
mod containers;
mod ending;
mod output;

use std::{
    fs,
    future::Future,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::StreamExt as _;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use super::ProcessEngine;
use crate::engine::{
    Engine as _,
    instance::InstanceName,
    observed::{ContainerId, ContainerStatus, Observed},
    spec::{ContainerSpec, EnvVar, ResourceLimits},
    stream::{EngineEvent, EngineEventKind, EngineStream, LogOptions},
};

const PATIENCE: Duration = Duration::from_secs(20);
const GRACE: Duration = Duration::from_secs(10);
const SECRET: &str = "hunter2-hunter2";

/// An engine over a folder of its own; what still runs at the end is killed.
struct Bench {
    folder: PathBuf,
    engine: ProcessEngine,
    /// Removed at the end.
    kept: Option<TempDir>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut bench = Self::over(folder.path().to_owned());
        bench.kept = Some(folder);
        bench
    }

    fn over(folder: PathBuf) -> Self {
        let engine = ProcessEngine::new(folder.join("state")).unwrap();
        Self {
            folder,
            engine,
            kept: None,
        }
    }

    fn second(&self) -> ProcessEngine {
        ProcessEngine::new(self.folder.join("state")).unwrap()
    }

    /// A program of shell commands.
    fn script(&self, name: &str, commands: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{commands}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn spec(&self, plugin: &str, commands: &str) -> ContainerSpec {
        let mut spec = ContainerSpec::new(
            format!("hap.default.{plugin}"),
            plugin.parse().unwrap(),
            InstanceName::default(),
            format!("{plugin}:1"),
            ResourceLimits::new(1 << 20, 1, 1),
            8000,
        );
        spec.program = Some(self.script(plugin, commands));
        spec.env = vec![
            EnvVar::plain("PORT", "8000"),
            EnvVar::secret("HAP_API_TOKEN", SECRET),
        ];
        spec
    }

    async fn started(&self, plugin: &str, commands: &str) -> ContainerId {
        let id = self.engine.create(&self.spec(plugin, commands)).await.unwrap();
        self.engine.start(&id).await.unwrap();
        id
    }

    async fn ended(&self, id: &ContainerId) -> Observed {
        eventually("the end of the process", async || {
            let seen = self.engine.inspect(id).await.unwrap();
            (seen.status == ContainerStatus::Exited).then_some(seen)
        })
        .await
    }

    /// Waits until the plugin has written a line.
    async fn said(&self, id: &ContainerId, text: &str) {
        eventually(text, async || {
            let lines = lines(&self.engine, id, &LogOptions::default()).await;
            lines.iter().any(|line| line == text).then_some(())
        })
        .await;
    }

    fn record(&self, plugin: &str) -> PathBuf {
        let container = format!("state/containers/hap.default.{plugin}/record.json");
        self.folder.join(container)
    }

    /// The process of a running container.
    fn pid(&self, plugin: &str) -> u32 {
        let record: serde_json::Value =
            serde_json::from_slice(&fs::read(self.record(plugin)).unwrap()).unwrap();
        u32::try_from(record["run"]["process"]["pid"].as_u64().unwrap()).unwrap()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        for record in self.engine.shared.folder.all().unwrap_or_default() {
            if let Some(process) = record.process() {
                process.signal_group(rustix::process::Signal::KILL);
            }
        }
    }
}

/// Looks until there is something to see.
async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "it did not come: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn lines(engine: &ProcessEngine, id: &ContainerId, options: &LogOptions) -> Vec<String> {
    let lines: Vec<_> = timeout(PATIENCE, engine.logs(id, options).collect())
        .await
        .unwrap();
    lines.into_iter().map(|line| line.unwrap().text).collect()
}

/// The next event of a kind; others are passed over.
async fn event(events: &mut EngineStream<EngineEvent>, kind: EngineEventKind) -> EngineEvent {
    let wanted = async {
        loop {
            let event = events.next().await.unwrap().unwrap();
            if event.kind == kind {
                return event;
            }
        }
    };
    timeout(PATIENCE, wanted).await.unwrap()
}

fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}
