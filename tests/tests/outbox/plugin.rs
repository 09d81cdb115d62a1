//! The plugin that emits, over all its lives.

use std::{
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use hap_manifest::WebhookSecret;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

use crate::law::{Name, Told};

/// Lanes that emit at the same time.
const LANES: usize = 16;
const DEADLINE: Duration = Duration::from_secs(60);

/// The plugin's data, what it told, and its process while there is one.
#[derive(Debug)]
pub(crate) struct Plugin {
    pub(crate) told: Vec<Told>,
    next: [u64; LANES],
    done: usize,
    data: tempfile::TempDir,
    platform: String,
    secret: WebhookSecret,
    life: Option<Life>,
}

#[derive(Debug)]
struct Life {
    child: Child,
    // Ends with the process, when its output does.
    reading: JoinHandle<()>,
    lines: Arc<Mutex<Vec<Told>>>,
}

impl Plugin {
    pub(crate) fn new(platform: String, secret: WebhookSecret) -> Self {
        Self {
            told: Vec::new(),
            next: [0; LANES],
            done: 0,
            data: tempfile::tempdir().unwrap(),
            platform,
            secret,
            life: None,
        }
    }

    /// Events whose `emit` returned.
    pub(crate) fn done(&self) -> usize {
        self.done
    }

    /// Starts it; with `emits` every lane goes on at its next number.
    pub(crate) fn start(&mut self, emits: bool) {
        let next = if emits {
            self.next.map(|number| number.to_string()).join(",")
        } else {
            String::new()
        };
        let mut child = Command::new(env!("CARGO_BIN_EXE_emitter"))
            .env_clear()
            .env("PLUGIN_ID", "emitter")
            // Nobody calls it: the system may choose.
            .env("PORT", free_port().to_string())
            .env("PLATFORM_API_URL", &self.platform)
            .env("HAP_WEBHOOK_SECRET", self.secret.expose().as_str())
            .env("HAP_DATA_DIR", self.data.path())
            .env("EMITTER_NEXT", next)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let output = BufReader::new(child.stdout.take().unwrap());
        let reading = tokio::spawn(read(output, Arc::clone(&lines)));
        self.life = Some(Life {
            child,
            reading,
            lines,
        });
    }

    /// Whether a process lives; one that has ended by itself does not.
    pub(crate) fn lives(&mut self) -> bool {
        let Some(life) = &mut self.life else { return false };
        life.child.try_wait().unwrap().is_none()
    }

    /// Ends it and takes in all that it had told until then.
    pub(crate) async fn end(&mut self, signal: Signal) {
        let Some(mut life) = self.life.take() else { return };
        let pid = life.child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        if let Some(pid) = pid {
            // It may just have ended by itself.
            let _ = kill_process(pid, signal);
        }
        timeout(DEADLINE, life.child.wait()).await.unwrap().unwrap();
        timeout(DEADLINE, life.reading).await.unwrap().unwrap();
        for told in std::mem::take(&mut *life.lines.lock().unwrap()) {
            match &told {
                Told::Begin((lane, number)) => self.next[usize::try_from(*lane).unwrap()] = number + 1,
                Told::Done(..) => self.done += 1,
                Told::Refused(_) => {}
            }
            self.told.push(told);
        }
    }
}

async fn read(mut output: BufReader<tokio::process::ChildStdout>, lines: Arc<Mutex<Vec<Told>>>) {
    loop {
        let mut line = Vec::new();
        // A line cut short by the kill was not said.
        if output.read_until(b'\n', &mut line).await.unwrap() == 0 || line.pop() != Some(b'\n') {
            return;
        }
        let line = String::from_utf8(line).unwrap();
        match told(&line) {
            Some(told) => lines.lock().unwrap().push(told),
            // Its log.
            None => assert!(
                !line.contains("panicked") && !line.contains("events are lost"),
                "{line}"
            ),
        }
    }
}

fn told(line: &str) -> Option<Told> {
    let (kind, rest) = line.strip_prefix('@')?.split_once(' ')?;
    let mut words = rest.splitn(3, ' ');
    let name: Name = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    match kind {
        "begin" => Some(Told::Begin(name)),
        "done" => Some(Told::Done(name, words.next()?.to_owned())),
        _ => {
            eprintln!("{line}");
            Some(Told::Refused(name))
        }
    }
}

/// A port that is free now; a process that loses the race ends and is started again.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
