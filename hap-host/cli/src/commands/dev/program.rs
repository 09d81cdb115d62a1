use std::{
    collections::VecDeque,
    ffi::OsString,
    path::PathBuf,
    process::{ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
    sync::mpsc,
};

/// The longest line that is shown. What is longer comes in pieces.
const MOST_LINE: usize = 8 * 1024;
/// Lines that are kept to tell what a program said last.
const LAST: usize = 8;
/// Variables of this process that the program gets too. A container has none of the others either.
const PASSED_ON: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH"];

/// What is started, and with what.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) program: OsString,
    pub(super) arguments: Vec<OsString>,
    pub(super) folder: PathBuf,
    pub(super) variables: Vec<(String, String)>,
}

/// A program that runs, and all that it started. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    group: Option<Pid>,
    lines: mpsc::Receiver<String>,
    last: VecDeque<String>,
}

/// Something that a program does.
#[derive(Debug)]
pub(super) enum Sign {
    /// It wrote a line.
    Line(String),
    /// It ended, and this is all that it wrote.
    Ended(String),
}

impl Program {
    pub(super) fn start(line: &Line) -> Result<Self, String> {
        let passed_on = PASSED_ON
            .iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut child = Command::new(&line.program)
            .args(&line.arguments)
            .current_dir(&line.folder)
            .env_clear()
            .envs(passed_on)
            .envs(line.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", line.program.to_string_lossy()))?;
        // Whoever writes more than is shown waits, as at a terminal.
        let (sender, lines) = mpsc::channel(256);
        if let Some(stream) = child.stdout.take() {
            tokio::spawn(read(stream, sender.clone()));
        }
        if let Some(stream) = child.stderr.take() {
            tokio::spawn(read(stream, sender));
        }
        let group = child.id().and_then(|id| i32::try_from(id).ok());
        Ok(Self {
            group: group.and_then(Pid::from_raw),
            child,
            lines,
            last: VecDeque::new(),
        })
    }

    /// Asks it to stop.
    pub(super) fn terminate(&self) {
        if let Some(process) = self.group.filter(|_| self.child.id().is_some()) {
            // It may be gone meanwhile.
            let _ = kill_process(process, Signal::TERM);
        }
    }

    /// Waits for what it does next.
    ///
    /// Nothing is lost when the future is dropped.
    pub(super) async fn sign(&mut self) -> Sign {
        tokio::select! {
            biased;
            Some(line) = self.lines.recv() => self.line(line),
            status = self.child.wait() => {
                // What is left of its group would hold its outputs open.
                self.kill_group();
                self.group = None;
                match self.lines.recv().await {
                    Some(line) => self.line(line),
                    None => Sign::Ended(status.map_or_else(|error| error.to_string(), exit)),
                }
            }
        }
    }

    /// What it said last.
    pub(super) fn last_lines(&self) -> Vec<&str> {
        self.last.iter().map(String::as_str).collect()
    }

    fn line(&mut self, line: String) -> Sign {
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(line.clone());
        Sign::Line(line)
    }

    fn kill_group(&self) {
        if let Some(group) = self.group {
            // It is gone already.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill_group();
    }
}

fn exit(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(78), _) => "exit code 78, which means that its configuration is wrong".to_owned(),
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// Sends each line on, and one that is too long in pieces.
async fn read(mut stream: impl AsyncRead + Unpin, lines: mpsc::Sender<String>) {
    let mut kept: Vec<u8> = Vec::new();
    let mut piece = vec![0; MOST_LINE];
    loop {
        let bytes = stream.read(&mut piece).await.unwrap_or_default();
        kept.extend_from_slice(piece.get(..bytes).unwrap_or_default());
        let is_over = bytes == 0;
        loop {
            let end = kept.iter().position(|byte| *byte == b'\n');
            let (length, skipped) = match end {
                Some(end) => (end.min(MOST_LINE), usize::from(end <= MOST_LINE)),
                None if kept.len() >= MOST_LINE => (MOST_LINE, 0),
                None if is_over && !kept.is_empty() => (kept.len(), 0),
                None => break,
            };
            let line = String::from_utf8_lossy(kept.get(..length).unwrap_or_default());
            let line = line.trim_end_matches('\r').to_owned();
            kept.drain(..length + skipped);
            if lines.send(line).await.is_err() {
                return;
            }
        }
        if is_over {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        let line = Line {
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
            folder: "/".into(),
            variables: vec![("SAID".to_owned(), "so".to_owned())],
        };
        Program::start(&line).unwrap()
    }

    async fn all(program: &mut Program) -> (Vec<String>, String) {
        let mut lines = Vec::new();
        loop {
            match program.sign().await {
                Sign::Line(line) => lines.push(line),
                Sign::Ended(how) => return (lines, how),
            }
        }
    }

    #[tokio::test]
    async fn all_that_a_program_says_comes_before_its_end() {
        let (lines, how) = all(&mut shell("echo one; echo $SAID; printf three; exit 3")).await;
        assert_eq!(lines, ["one", "so", "three"]);
        assert_eq!(how, "exit code 3");
    }

    #[tokio::test]
    async fn a_line_without_an_end_comes_in_pieces() {
        let (lines, _) = all(&mut shell("head -c 20000 /dev/zero | tr '\\0' x")).await;
        let lengths: Vec<_> = lines.iter().map(String::len).collect();
        assert_eq!(lengths.iter().sum::<usize>(), 20_000);
        assert!(lengths.iter().all(|length| *length <= MOST_LINE), "{lengths:?}");
    }

    #[tokio::test]
    async fn what_it_leaves_behind_ends_with_it() {
        let mut program = shell("sleep 1000 & echo $!");
        let (lines, how) = all(&mut program).await;
        assert_eq!(how, "exit code 0");
        let path = PathBuf::from("/proc").join(&lines[0]).join("stat");
        // Killed, and perhaps not waited for yet by whoever inherited it.
        for _ in 0..100 {
            let stat = std::fs::read_to_string(&path).unwrap_or_default();
            if stat.is_empty() || stat.contains(") Z ") {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("it runs on");
    }
}
