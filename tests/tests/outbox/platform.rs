//! The platform that records, over all its lives.

use std::{fs, net::TcpListener, process::Stdio, time::Duration};

use hap_manifest::{WebhookSecret, wire::EventDraft};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use crate::law::Received;

const DEADLINE: Duration = Duration::from_secs(60);

/// One request that the platform took.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Events(Vec<EventDraft>),
    Bad(String),
}

#[derive(Debug, Deserialize)]
struct Data {
    lane: u64,
    number: u64,
}

/// The platform's record, and its process while there is one.
#[derive(Debug)]
pub(crate) struct Platform {
    port: u16,
    secret: WebhookSecret,
    folder: tempfile::TempDir,
    process: Option<Child>,
}

impl Platform {
    /// A platform on a port of its own for all its lives: below those that systems give to outgoing connections,
    /// any of which could otherwise hold it while the platform is away.
    pub(crate) fn new(random: &mut fastrand::Rng) -> Self {
        let port = std::iter::repeat_with(|| random.u16(10_000..20_000))
            .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
            .unwrap();
        Self {
            port,
            secret: WebhookSecret::from_bytes(&[7; 32]).unwrap(),
            folder: tempfile::tempdir().unwrap(),
            process: None,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/api/v1", self.port)
    }

    pub(crate) fn secret(&self) -> WebhookSecret {
        self.secret.clone()
    }

    pub(crate) fn lives(&mut self) -> bool {
        let Some(process) = &mut self.process else {
            return false;
        };
        let ended = process.try_wait().unwrap();
        assert!(ended.is_none(), "the platform ended by itself: {ended:?}");
        true
    }

    pub(crate) fn start(&mut self) {
        let child = Command::new(env!("CARGO_BIN_EXE_recorder"))
            .arg(self.port.to_string())
            .arg(self.file())
            .env_clear()
            .env("HAP_WEBHOOK_SECRET", self.secret.expose().as_str())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        self.process = Some(child);
    }

    pub(crate) async fn kill(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        let pid = Pid::from_raw(process.id().unwrap().cast_signed()).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
        timeout(DEADLINE, process.wait()).await.unwrap().unwrap();
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("record")
    }

    /// All events that it took, in order, without a request that it is just writing down.
    pub(crate) fn record(&self) -> Vec<Received> {
        let text = fs::read_to_string(self.file()).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let requests = whole.lines().map(|line| serde_json::from_str(line).unwrap());
        let events = requests.flat_map(|request| match request {
            Request::Events(events) => events,
            Request::Bad(why) => panic!("the platform received what it cannot take: {why}"),
        });
        let received = events.map(|event| {
            let Data { lane, number } = serde_json::from_value(event.data).unwrap();
            Received {
                name: (lane, number),
                id: event.id.unwrap(),
            }
        });
        received.collect()
    }
}
