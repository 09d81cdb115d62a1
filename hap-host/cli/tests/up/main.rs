//! `hap up` as a process: what it serves and to whom, how it ends, and what it says when it cannot start.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

#[cfg(test)]
mod api;
#[cfg(test)]
#[path = "../bell/mod.rs"]
mod bell;
#[cfg(test)]
mod containers;
#[cfg(test)]
mod life;
#[cfg(test)]
mod mistakes;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpStream, ToSocketAddrs as _},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Longest time for anything. Generous, because the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(60);

/// A place for a host: its file, and its state.
struct Place {
    folder: TempDir,
}

impl Place {
    /// With this in its file, and the engine of processes.
    fn new(config: &str) -> Self {
        Self::with(&format!("engine = \"process\"\n{config}"))
    }

    fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder };
        place.write(config);
        place
    }

    fn write(&self, config: &str) {
        fs::write(self.file(), config).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("hap.toml")
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn socket(&self) -> PathBuf {
        self.state().join("hap.sock")
    }

    fn hap(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hap"));
        command
            .args(arguments)
            .env("HAP_STATE", self.state())
            .env("HAP_CONFIG", self.file())
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command that ends by itself.
    fn done(&self, arguments: &[&str]) -> Output {
        self.hap(arguments).output().unwrap()
    }

    fn up(&self) -> Host {
        Host::start(self.hap(&["up", "--json"]))
    }

    /// A call on the socket: its status and its JSON.
    fn call(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        call(
            stream,
            method,
            path,
            &[("content-type", "application/json")],
            body,
        )
    }

    fn add_user(&self, name: &str, role: &str) -> String {
        let done = self.done(&["user", "add", name, "--role", role, "--quiet"]);
        assert!(done.status.success(), "{}", text(&done.stderr));
        text(&done.stdout).trim().to_owned()
    }
}

/// A host that serves.
struct Host {
    process: Child,
    /// What it said when it served.
    serving: Value,
    log: Arc<Mutex<String>>,
}

impl Host {
    fn start(mut command: Command) -> Self {
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let line = lines.recv_timeout(DEADLINE);
        let line = line.unwrap_or_else(|error| panic!("{error}: {}", log.lock().unwrap()));
        let serving: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(serving["event"], "serving", "{serving}");
        Self {
            process,
            serving,
            log,
        }
    }

    /// The address of the API over TCP, or of the metrics.
    fn address(&self, what: &str) -> String {
        let url = self.serving[what].as_str().unwrap();
        let rest = url.split_once("://").unwrap().1;
        rest.split('/').next().unwrap().to_owned()
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([name, &self.process.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits until its log has this.
    fn logs(&self, words: &str) -> String {
        within(words, || {
            let log = self.log.lock().unwrap().clone();
            log.contains(words).then_some(log)
        })
    }

    /// Waits for its end, and returns its exit code; none when a signal killed it.
    fn ended(&mut self) -> Option<i32> {
        within("the end of the host", || self.process.try_wait().unwrap()).code()
    }

    fn end(mut self) {
        self.signal("-TERM");
        assert_eq!(self.ended(), Some(0), "{}", self.log.lock().unwrap());
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits for something that happens by itself.
#[track_caller]
fn within<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < DEADLINE, "{what} did not come");
        thread::park_timeout(Duration::from_millis(20));
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn tcp(address: &str) -> TcpStream {
    let address = address.to_socket_addrs().unwrap().next().unwrap();
    let stream = TcpStream::connect_timeout(&address, DEADLINE).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// One request on a connection of its own: the status, and the body where it is JSON.
fn call(
    mut stream: impl std::io::Read + std::io::Write,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, Value) {
    let mut request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        request.push_str("host: localhost\r\n");
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = text(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_else(|_| json!(body)))
}
