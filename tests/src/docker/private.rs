use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    panic,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use hap_host::engine::DockerEngine;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::outside;

/// Longest that the engine may take to start, to stop, or to end its own helper.
const DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// Runs a test in a network of its own, where an engine can be started and killed without anybody else noticing.
/// Everything that the test opens or starts is in there.
///
/// # Panics
/// When the test does, or this user may not make networks.
pub fn in_private_network<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let run = thread::spawn(move || {
        let _namespace = outside::Namespace::enter_new();
        #[expect(clippy::expect_used, reason = "a test cannot go on without its runtime")]
        // One that is built here has its threads in here.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime can be built");
        runtime.block_on(test());
    });
    if let Err(reason) = run.join() {
        panic::resume_unwind(reason);
    }
}

/// A Docker engine of the test's own. Call it within [`in_private_network`]. Dropping it ends it and removes all that it had.
#[derive(Debug)]
pub struct PrivateDocker {
    folder: TempDir,
    live_restore: bool,
    options: Vec<String>,
    program: OsString,
    daemon: Option<Child>,
}

impl PrivateDocker {
    /// Starts one. With `live_restore` its containers outlive it.
    ///
    /// # Panics
    /// When there is no `dockerd`, or it does not start.
    pub async fn start(live_restore: bool) -> Self {
        Self::start_as("dockerd".into(), live_restore, &[]).await
    }

    /// Starts one with more options of `dockerd`.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn start_with(options: &[&str]) -> Self {
        Self::start_as("dockerd".into(), false, options).await
    }

    /// Starts one of the version before where there is one: the program that `HAP_OLDER_DOCKERD` names. After its end it is
    /// [resumed](Self::resume) as the one that the tests are about.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn start_older() -> Self {
        let older = env::var_os("HAP_OLDER_DOCKERD").unwrap_or_else(|| "dockerd".into());
        let mut docker = Self::start_as(older, false, &[]).await;
        docker.program = "dockerd".into();
        docker
    }

    async fn start_as(program: OsString, live_restore: bool, options: &[&str]) -> Self {
        #[expect(clippy::expect_used, reason = "a test cannot go on without its engine")]
        let folder = tempfile::tempdir().expect("there is room for a temporary folder");
        let mut docker = Self {
            folder,
            live_restore,
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            program,
            daemon: None,
        };
        docker.resume().await;
        docker
    }

    /// Where it listens.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("unix://{}", self.path("docker.sock").display())
    }

    /// A client of it.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn engine(&self) -> DockerEngine {
        #[expect(clippy::expect_used, reason = "a test cannot go on without its engine")]
        DockerEngine::connect_to(&self.uri()).await.expect("it answers")
    }

    /// Where it keeps its containers.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it again after [`end`](Self::end), and waits until it answers.
    ///
    /// # Panics
    /// When it does not start; its log says why.
    #[expect(
        clippy::expect_used,
        clippy::panic,
        reason = "a test cannot go on without its engine"
    )]
    pub async fn resume(&mut self) {
        let config = self.path("daemon.json");
        fs::write(&config, "{}").expect("a temporary folder can be written");
        let log = File::options().append(true).create(true).open(self.path("log"));
        let log = log.expect("a temporary folder can be written");
        let mut command = Command::new(&self.program);
        command
            .arg("--config-file")
            .arg(config)
            .arg("--data-root")
            .arg(self.data())
            .arg("--exec-root")
            .arg(self.path("exec"))
            .arg("--pidfile")
            .arg(self.path("pid"))
            .args(["--host", &self.uri(), "--storage-driver", &driver().await])
            .args(["--log-level", "warn"])
            .arg(format!("--live-restore={}", self.live_restore))
            .args(&self.options);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.daemon = Some(command.spawn().expect("there is a dockerd"));
        let began = Instant::now();
        while DockerEngine::connect_to(&self.uri()).await.is_err() {
            if began.elapsed() > DEADLINE {
                panic!(
                    "dockerd does not start: {}",
                    fs::read_to_string(self.path("log")).unwrap_or_default()
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it does not run.
    #[expect(clippy::expect_used, reason = "a test that meets the unexpected fails")]
    pub fn signal(&self, signal: Signal) {
        let daemon = self.daemon.as_ref().expect("it runs");
        kill_process(Pid::from_child(daemon), signal).expect("it can be sent a signal");
    }

    /// Ends it by a signal, and waits until it is gone. Its helper ends with it, whatever the signal, and a new one could not
    /// be started as long as that is on its way.
    ///
    /// # Panics
    /// When it does not end.
    #[expect(clippy::expect_used, reason = "a test that meets the unexpected fails")]
    pub async fn end(&mut self, signal: Signal) {
        self.signal(signal);
        let mut daemon = self.daemon.take().expect("it runs");
        let waited = tokio::task::spawn_blocking(move || daemon.wait());
        let ended = tokio::time::timeout(DEADLINE, waited).await;
        ended
            .expect("it ends in time")
            .expect("it is waited for")
            .expect("it has an end");
        let began = Instant::now();
        while !processes_under(&self.path("exec/containerd/containerd.toml")).is_empty() {
            assert!(began.elapsed() < DEADLINE, "containerd does not end");
            tokio::time::sleep(POLL).await;
        }
        // Where nobody reaps orphans the number in this file stays taken, and the next engine would wait for a dead helper.
        let _ = fs::remove_file(self.path("exec/containerd/containerd.pid"));
    }
}

/// The storage driver of this machine's own engine: which one works depends on the file system.
async fn driver() -> String {
    let docker = bollard::Docker::connect_with_local_defaults();
    let info = async { docker.ok()?.info().await.ok()?.driver };
    info.await.unwrap_or_else(|| "vfs".to_owned())
}

impl Drop for PrivateDocker {
    fn drop(&mut self) {
        // Whatever of it does not go by itself is stopped and unmounted here; a failure leaves only a folder behind.
        if let Some(mut daemon) = self.daemon.take() {
            let _ = kill_process(Pid::from_child(&daemon), Signal::CONT);
            let _ = kill_process(Pid::from_child(&daemon), Signal::TERM);
            let _ = daemon.wait();
        }
        for process in processes_under(self.folder.path()) {
            let _ = kill_process(process, Signal::KILL);
        }
        for _ in 0..100 {
            if unmount_under(self.folder.path()) {
                break;
            }
            thread::park_timeout(POLL);
        }
    }
}

/// Processes that were started with something of the folder in their arguments: the engine's helpers.
fn processes_under(folder: &Path) -> Vec<Pid> {
    let needle = folder.display().to_string();
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ours = all.filter_map(|entry| {
        let id: i32 = entry.file_name().to_str()?.parse().ok()?;
        let arguments = fs::read(entry.path().join("cmdline")).ok()?;
        String::from_utf8_lossy(&arguments)
            .contains(&needle)
            .then_some(id)
    });
    ours.filter_map(Pid::from_raw).collect()
}

/// Unmounts what is mounted in the folder; whether nothing is left.
fn unmount_under(folder: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let inside: Vec<_> = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .filter(|path| Path::new(path).starts_with(folder))
        .collect();
    for path in inside.iter().rev() {
        let _ = Command::new("umount")
            .args(["--lazy", path])
            .stderr(Stdio::null())
            .status();
    }
    inside.is_empty()
}
