//! The life of a host: it starts, serves, reads its file again when told, and ends in order.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{
    config::HostConfig,
    log, manager, open,
    running::{Bound, Running},
    tls::Tls,
};
use crate::{
    failure::{Exit, Failure},
    site,
    terminal::Console,
};

/// A host before it runs: what it was told, and by which file.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) state: PathBuf,
    /// The file that is read again on `SIGHUP`.
    pub(crate) file: Option<PathBuf>,
    pub(crate) config: HostConfig,
}

/// What asks the host to end.
#[derive(Debug)]
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        Ok(Self {
            interrupt: heard(SignalKind::interrupt())?,
            terminate: heard(SignalKind::terminate())?,
        })
    }

    /// Waits until the host is asked to end.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

fn heard(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| {
        let message = format!("the signals that end the host cannot be heard: {error}");
        Failure::new(Exit::Failed, "no_signals", message)
    })
}

impl Host {
    /// Runs until a signal ends it. The second signal ends it at once.
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let begun = Instant::now();
        let mut signals = Signals::listen()?;
        let mut hangup = heard(SignalKind::hangup())?;
        let Self {
            state,
            file,
            mut config,
        } = self;
        let log = log::LogControl::begin(&config.log);
        let socket = site::socket(&state);
        open::check(&socket)?;
        let bound = Bound::of(&config).await?;
        open::state(&state)?;
        let starting = Running::start(&state, socket, bound, &config);
        let running = tokio::select! {
            biased;
            () = signals.end() => return Ok(Exit::Interrupted),
            running = Box::pin(starting) => running?,
        };
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            state = %state.display(),
            plugins = running.supervisor.plugins().len(),
            milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            "the host serves"
        );
        console.event(&running.event(), running.line());
        manager::ready();
        let alive = manager::keep_alive();
        loop {
            tokio::select! {
                biased;
                () = signals.end() => break,
                _ = hangup.recv() => {
                    manager::reloading();
                    reload(&state, file.as_deref(), &mut config, &log, running.tls.as_deref());
                    manager::ready();
                }
            }
        }
        manager::stopping();
        tracing::info!(on_exit = ?config.on_exit, "the host ends");
        let ended = tokio::select! {
            biased;
            ended = running.end(config.on_exit) => ended,
            () = signals.end() => {
                tracing::warn!("the host ends at once, because it was asked to a second time");
                Ok(Exit::Interrupted)
            }
        };
        if let Some(alive) = alive {
            alive.abort();
        }
        ended
    }
}

/// Reads the file again: the level of the log, `on_exit`, and the files of the certificate hold at once. What needs a
/// restart is told. A file that is refused changes nothing.
fn reload(
    state: &Path,
    file: Option<&Path>,
    config: &mut HostConfig,
    log: &log::LogControl,
    tls: Option<&Tls>,
) {
    let new = match HostConfig::read(file, state) {
        Ok(new) => new,
        Err(failure) => {
            tracing::error!(error = %failure, "the configuration was not read again, and stays as it was");
            return;
        }
    };
    log.set_level(new.log.level);
    config.log.level = new.log.level;
    config.on_exit = new.on_exit;
    if let Some(Err(failure)) = tls.map(Tls::reload) {
        tracing::error!(error = %failure, "the certificate was not read again, and stays as it was");
    }
    let keys = config.needs_restart(&new);
    if !keys.is_empty() {
        tracing::warn!(
            keys = keys.join(", "),
            "these keys hold after a restart of the host"
        );
    }
    tracing::info!("the configuration was read again");
}
