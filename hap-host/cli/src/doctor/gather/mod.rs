//! Gathers the facts, each within its time: whatever hangs is a fact too.

mod address;
mod blocking;
mod certificate;
mod config;
mod disk;
mod engine;
mod http;
mod listeners;
mod probe;
mod state;
mod user;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tokio::time::{Instant, sleep, timeout};

use self::blocking::{WITHIN, blocking};
use super::facts::{Answer, Entry, Facts, Probed, Socket, StateFacts};
use crate::{elf::this_arch, failure::Failure, site, terminal::Interrupt};

/// Longest wait for a host that has its folder already to answer.
const STARTS_WITHIN: Duration = Duration::from_secs(3);
/// Pause before it is asked again.
const POLL: Duration = Duration::from_millis(100);
/// The instance of a host whose configuration names none.
const USUAL_INSTANCE: &str = "default";

/// What is to be looked at.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) state: PathBuf,
    pub(crate) config: Option<PathBuf>,
    /// What a host has against the configuration file.
    pub(crate) judge: fn(&Path, &Path) -> Option<String>,
    /// Whether containers may be started.
    pub(crate) may_probe: bool,
}

/// Gathers all that is known of this machine.
pub(crate) async fn gather(request: Request, interrupt: &Interrupt) -> Result<Facts, Failure> {
    let mut facts = interrupt.or(Box::pin(look(&request))).await?;
    if !request.may_probe {
        return Ok(facts);
    }
    let reached = facts.engine().err();
    facts.probe = match reached {
        Some(why) => Probed::Not(why),
        None if facts.has_host() => {
            Probed::Not("no containers are started beside the host that runs here".to_owned())
        }
        None => probe::run(&facts.address.uri, facts.config.events_port, interrupt).await?,
    };
    Ok(facts)
}

async fn look(request: &Request) -> Facts {
    let user = user::this();
    let (judge, given, state) = (request.judge, request.config.clone(), request.state.clone());
    let read = blocking(move || {
        let path = given?;
        let trouble = judge(&path, &state);
        Some(config::read(path, trouble))
    });
    let config = read.await.flatten().unwrap_or_default();
    let address = address::find(config.engine.as_deref());
    let instance = config.instance.as_deref().unwrap_or(USUAL_INSTANCE);
    let listen = config
        .listen
        .as_deref()
        .and_then(|text| text.rsplit_once(':')?.1.parse().ok());
    let ports: Vec<u16> = config.events_port.into_iter().chain(listen).collect();
    let files = config.certificate.clone().map(|file| (file, config.key.clone()));
    let certificate = async {
        let (file, key) = files?;
        let read = blocking(move || certificate::read(&file, key.as_deref())).await;
        Some(read.unwrap_or_else(|| Err("the certificate's file does not answer".to_owned())))
    };
    let (engine, state, listeners, certificate) = tokio::join!(
        engine::look(&address, &user, instance),
        state_of(request.state.clone()),
        blocking(move || listeners::on(&ports)),
        certificate,
    );
    Facts {
        now: SystemTime::now(),
        user,
        arch: this_arch(),
        kernel: kernel_says("/proc/sys/kernel/osrelease"),
        bridges_are_filtered: kernel_says("/proc/sys/net/bridge/bridge-nf-call-iptables")
            .map(|value| value != "0"),
        engine,
        address,
        state,
        listeners: listeners.flatten(),
        certificate,
        config,
        probe: Probed::Not("no containers were started".to_owned()),
    }
}

async fn state_of(folder: PathBuf) -> StateFacts {
    let silent = || format!("the disk of {} does not answer", folder.display());
    let (at, of, lock) = (folder.clone(), folder.clone(), folder.clone());
    let (entry, disk, holder, socket) = tokio::join!(
        blocking(move || state::entry(&at)),
        blocking(move || disk::of(&of)),
        blocking(move || state::holder(&lock)),
        timeout(WITHIN * 2, state::socket(site::socket(&folder))),
    );
    let (holder, mut socket) = (holder.flatten(), socket.ok().flatten());
    // A host has its folder for a moment before it answers.
    let until = Instant::now() + STARTS_WITHIN;
    while holder.is_some() && is_unanswered(socket.as_ref()) && Instant::now() < until {
        sleep(POLL).await;
        let again = timeout(WITHIN * 2, state::socket(site::socket(&folder))).await;
        socket = again.ok().flatten();
    }
    StateFacts {
        entry: entry.unwrap_or_else(|| Entry::Unreadable(silent())),
        disk: disk.unwrap_or_else(|| Err(silent())),
        holder,
        socket,
        folder,
    }
}

/// Whether no host is there to be asked.
const fn is_unanswered(socket: Option<&Socket>) -> bool {
    match socket {
        None => true,
        Some(socket) => matches!(socket.answer, Answer::Nobody),
    }
}

/// What the kernel says in a file of its own, which never waits.
fn kernel_says(path: impl AsRef<Path>) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}
