//! The requests of the system to end.

use std::io;
use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::last_resort::{EPILOGUE, end_after, exit};

/// How long the plugin has to hear that it is to stop before the log says that it does not.
const HEARING: Duration = Duration::from_secs(2);

/// The wish that the plugin stops, and whether it has come through.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    asked: CancellationToken,
    heard: CancellationToken,
}

impl Stop {
    /// Waits for the wish.
    pub(crate) async fn heard(&self) {
        self.asked.cancelled().await;
        self.heard.cancel();
    }
}

/// Asks for a stop on SIGTERM and SIGINT; elsewhere than on Unix, on Ctrl-C. A second one ends the process at once, and
/// so does `budget` when it is used up.
///
/// On a thread with a runtime of its own: the plugin's may have no thread left that does not block. Installing the
/// handlers also matters as process 1 of a container, where the kernel ignores a signal without one.
pub(crate) fn watch(stop: Stop, budget: Duration) -> io::Result<()> {
    let (installed, told) = mpsc::sync_channel(1);
    std::thread::Builder::new()
        .name("hap-signals".to_owned())
        .spawn(move || {
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(installed.send(Err(error))),
            };
            runtime.block_on(async {
                match Signals::install() {
                    Ok(signals) => {
                        // Whoever asked waits for it.
                        let _ = installed.send(Ok(()));
                        wait(signals, stop, budget).await;
                    }
                    Err(error) => drop(installed.send(Err(error))),
                }
            });
        })?;
    // At once: the thread does nothing else before.
    told.recv().map_err(io::Error::other)?
}

async fn wait(mut signals: Signals, stop: Stop, budget: Duration) {
    let signal = signals.next().await;
    tracing::info!(signal, "asked to stop");
    end_after(budget.saturating_add(EPILOGUE), 0);
    stop.asked.cancel();
    let is_heard = timeout(HEARING, stop.heard.cancelled());
    let again = tokio::select! {
        heard = is_heard => {
            if heard.is_err() {
                tracing::error!(
                    "the plugin does not hear that it is to stop: something blocks its threads; what blocks belongs \
                     into `tokio::task::spawn_blocking`"
                );
            }
            signals.next().await
        }
        signal = signals.next() => signal,
    };
    tracing::warn!(signal = again, "asked again: ending at once");
    exit(1)
}

#[derive(Debug)]
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn install() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The name of the next signal. Cancel-safe.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    fn install() -> io::Result<Self> {
        Ok(Self {})
    }

    /// The name of the next signal. Cancel-safe.
    async fn next(&mut self) -> &'static str {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}
