use std::{
    ffi::OsString,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

use super::launcher::{Environment, Exit, LaunchError, Launcher, Running};

/// Output that is kept, in bytes.
const MOST_OUTPUT: usize = 1 << 20;
/// Variables of the suite's own environment that the program gets too: what a shell or an interpreter needs to be found
/// and to work. A container has none of the others either.
const PASSED_ON: [&str; 8] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "SYSTEMROOT",
    "LD_LIBRARY_PATH",
    "LLVM_PROFILE_FILE",
];

/// A program of this machine and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    program: OsString,
    arguments: Vec<OsString>,
    folder: Option<PathBuf>,
    variables: Vec<(String, String)>,
}

impl Program {
    /// Creates a program without arguments, as a name to be found in `PATH` or as a path.
    #[must_use]
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            folder: None,
            variables: Vec::new(),
        }
    }

    /// Returns the same program with these arguments behind those that it has.
    #[must_use]
    pub fn arguments<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Returns the same program, started in this folder.
    #[must_use]
    pub fn folder(self, folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: Some(folder.into()),
            ..self
        }
    }

    /// Returns the same program with one more variable, as a manifest's `env_vars` give it.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }
}

#[async_trait]
impl Launcher for Program {
    fn name(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.arguments);
        let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    async fn start(&self, environment: &Environment) -> Result<Box<dyn Running>, LaunchError> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(
                PASSED_ON
                    .iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .envs(environment.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command
            .spawn()
            .map_err(|error| LaunchError::new(format!("{}: {error}", self.program.to_string_lossy())))?;
        let output = Output::default();
        let mut readers = Vec::new();
        if let Some(stream) = child.stdout.take() {
            readers.push(tokio::spawn(output.clone().read(stream)));
        }
        if let Some(stream) = child.stderr.take() {
            readers.push(tokio::spawn(output.clone().read(stream)));
        }
        Ok(Box::new(Process {
            group: child.id(),
            child,
            port: environment.port,
            output,
            readers,
        }))
    }
}

/// The last of what a program wrote.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    async fn read(self, mut stream: impl AsyncRead + Unpin) {
        let mut piece = vec![0; 16 * 1024];
        while let Ok(bytes @ 1..) = stream.read(&mut piece).await {
            let mut kept = self.kept();
            kept.extend_from_slice(piece.get(..bytes).unwrap_or_default());
            let over = kept.len().saturating_sub(MOST_OUTPUT);
            kept.drain(..over);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Output").field(&self.kept().len()).finish()
    }
}

/// A program that was started.
#[derive(Debug)]
struct Process {
    child: Child,
    group: Option<u32>,
    port: u16,
    output: Output,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    #[cfg(unix)]
    fn signal_group(&self, signal: rustix::process::Signal) {
        let group = self.group.and_then(|group| i32::try_from(group).ok());
        if let Some(group) = group.and_then(rustix::process::Pid::from_raw) {
            // It is gone already.
            let _ = rustix::process::kill_process_group(group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // What it started has its group.
        #[cfg(unix)]
        self.signal_group(rustix::process::Signal::KILL);
        for reader in &self.readers {
            reader.abort();
        }
    }
}

#[async_trait]
impl Running for Process {
    fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    fn other_address(&self) -> Option<SocketAddr> {
        // On Linux all of 127.0.0.0/8 is this machine.
        cfg!(target_os = "linux").then(|| SocketAddr::from(([127, 0, 0, 2], self.port)))
    }

    async fn terminate(&self) -> Result<(), LaunchError> {
        #[cfg(unix)]
        {
            let process = self.child.id().and_then(|id| i32::try_from(id).ok());
            let process = process.and_then(rustix::process::Pid::from_raw);
            let process = process.ok_or_else(|| LaunchError::new("it has ended already"))?;
            rustix::process::kill_process(process, rustix::process::Signal::TERM)
                .map_err(|error| LaunchError::new(format!("it cannot be sent SIGTERM: {error}")))
        }
        #[cfg(not(unix))]
        Err(LaunchError::new(
            "a program cannot be asked to stop on this system",
        ))
    }

    async fn kill(&mut self) {
        #[cfg(unix)]
        self.signal_group(rustix::process::Signal::KILL);
        // Both fail only where it is gone.
        let _ = self.child.start_kill();
        let _ = timeout(Duration::from_secs(5), self.child.wait()).await;
    }

    async fn ended(&mut self, within: Duration) -> Option<Exit> {
        let status = timeout(within, self.child.wait()).await.ok()?;
        // What it wrote last is still on its way.
        for reader in &mut self.readers {
            let _ = timeout(Duration::from_millis(200), reader).await;
        }
        self.readers.clear();
        Some(status.map_or(Exit::Unknown, exit))
    }

    fn output(&self) -> String {
        String::from_utf8_lossy(&self.output.kept()).into_owned()
    }
}

fn exit(status: ExitStatus) -> Exit {
    if let Some(code) = status.code() {
        return Exit::Code(code);
    }
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return Exit::Signal(signal);
    }
    Exit::Unknown
}
