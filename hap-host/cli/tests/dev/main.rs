//! `hap dev`, driven through pipes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "helpers of tests end the test when something is not as it has to be, and there is no runtime to block"
)]

#[cfg(test)]
mod endings;
#[cfg(test)]
mod python;
#[cfg(test)]
mod rust;

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Longest time for anything but a build.
const DEADLINE: Duration = Duration::from_secs(60);

/// A plugin that `hap new` made, with an id that no other has.
struct Project {
    folder: TempDir,
    path: PathBuf,
    id: String,
}

impl Project {
    fn new(language: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = folder
            .path()
            .file_name()
            .unwrap()
            .to_string_lossy()
            .to_lowercase();
        let id = format!("bell-{}", name.replace(|c: char| !c.is_ascii_alphanumeric(), ""));
        let made = Command::new(env!("CARGO_BIN_EXE_hap"))
            .args(["new", &id, "--lang", language])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        fs::create_dir(folder.path().join("tmp")).unwrap();
        let path = folder.path().join(&id);
        let project = Self { folder, path, id };
        // Tests run at the same time.
        let free = TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap();
        project.edit("manifest.json", "8000", &free.port().to_string());
        project
    }

    /// Where `hap dev` and the plugin may make temporary folders.
    fn temporary(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    fn dev(&self, arguments: &[&str]) -> Dev {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hap"))
            .args([&["dev"], arguments].concat())
            .current_dir(&self.path)
            .env("TMPDIR", self.temporary())
            .env(
                "CARGO_TARGET_DIR",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-rust"),
            )
            .env("CARGO_NET_OFFLINE", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let output = BufReader::new(child.stdout.take().unwrap());
        let (other, input) = (sender.clone(), child.stdin.take());
        std::thread::spawn(move || {
            errors
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| other.send(line))
        });
        std::thread::spawn(move || {
            output
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Dev {
            child,
            input,
            lines,
            seen: Vec::new(),
            new: Vec::new(),
        }
    }

    /// Processes that were given this plugin's id.
    fn processes(&self) -> Vec<String> {
        let mark = format!("PLUGIN_ID={}\0", self.id);
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let ours = entries.filter(|entry| {
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            String::from_utf8_lossy(&environment).contains(&mark)
        });
        ours.map(|entry| fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default())
            .collect()
    }

    /// Neither a process nor a folder is there that was not there before.
    #[track_caller]
    fn nothing_is_left(&self) {
        assert_eq!(self.processes(), [""; 0]);
        let left: Vec<_> = fs::read_dir(self.temporary()).unwrap().flatten().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// A session that runs.
struct Dev {
    child: Child,
    input: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
    seen: Vec<String>,
    /// Those of them that nobody waited for yet.
    new: Vec<String>,
}

impl Dev {
    fn say(&mut self, line: &str) {
        self.new.clear();
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits for a line with this in it. What came meanwhile may be waited for too: some things have no order.
    #[track_caller]
    fn sees_within(&mut self, part: &str, deadline: Duration) -> String {
        let end = Instant::now() + deadline;
        loop {
            if let Some(found) = self.new.iter().position(|line| line.contains(part)) {
                return self.new.remove(found);
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    self.new.push(line);
                }
                Err(_) => panic!("no {part:?} came in {:#?}", self.seen),
            }
        }
    }

    #[track_caller]
    fn sees(&mut self, part: &str) -> String {
        self.sees_within(part, DEADLINE)
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end and returns its exit code, and all that it said.
    #[track_caller]
    fn ends(mut self) -> (Option<i32>, Vec<String>) {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.seen.extend(self.lines.iter());
                return (status.code(), std::mem::take(&mut self.seen));
            }
            self.seen.extend(self.lines.try_iter());
            assert!(Instant::now() < end, "it goes on: {:#?}", self.seen);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // A test that failed leaves nothing behind.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = Command::new("kill").arg(self.child.id().to_string()).status();
            let _ = self.child.wait();
        }
    }
}
