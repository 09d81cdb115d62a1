//! The requests of the system to end.

use std::future::Future;
use std::io;
use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::process::exit::{EPILOGUE, end_after, exit_saying};

/// How long the plugin has to hear that it is to stop before the log says that it does not.
const HEARING: Duration = Duration::from_secs(2);

/// The wish that the plugin stops, and whether it has come through.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    asked: CancellationToken,
    heard: CancellationToken,
}

impl Stop {
    /// Waits for the wish. Whoever drops this has no need of it any more, and counts as having
    /// heard.
    pub(crate) fn wait(&self) -> impl Future<Output = ()> + Send + use<> {
        let heard = self.heard.clone().drop_guard();
        let asked = self.asked.clone();
        async move {
            asked.cancelled().await;
            drop(heard);
        }
    }
}

/// Asks for a stop on SIGTERM and SIGINT; elsewhere than on Unix, on Ctrl-C. A second one ends the
/// process at once, and so does `budget` when it is used up.
///
/// On a thread with a runtime of its own: the plugin's may have no thread left that does not block.
/// Installing the handlers also matters as process 1 of a container, where the kernel ignores a
/// signal without one.
pub(crate) fn watch(stop: Stop, budget: Duration) -> io::Result<()> {
    let plugins = Handle::current();
    if let Err(error) = watch_on_a_thread(stop.clone(), budget, plugins.clone()) {
        tracing::warn!(%error, "no thread for signals: a plugin that blocks its own does not hear them");
        let signals = Signals::install()?;
        tokio::spawn(wait(signals, stop, budget, plugins));
    }
    Ok(())
}

fn watch_on_a_thread(stop: Stop, budget: Duration, plugins: Handle) -> io::Result<()> {
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
                        wait(signals, stop, budget, plugins).await;
                    }
                    Err(error) => drop(installed.send(Err(error))),
                }
            });
        })?;
    // At once: the thread does nothing else before.
    told.recv().map_err(io::Error::other)?
}

/// `plugins` is the runtime that the plugin is on.
async fn wait(mut signals: Signals, stop: Stop, budget: Duration, plugins: Handle) {
    let signal = signals.next().await;
    // First, since a log that nobody reads may block.
    end_after(budget.saturating_add(EPILOGUE), 0);
    stop.asked.cancel();
    tracing::info!(signal, "asked to stop");
    // The thread that `main` began on may hear it while all that work are blocked.
    let moves = plugins.spawn(async {});
    let is_heard = timeout(HEARING, async {
        stop.heard.cancelled().await;
        // It fails where the runtime has ended already.
        let _ = moves.await;
    });
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
    exit_saying(1, move || {
        tracing::warn!(signal = again, "asked again: ending at once")
    })
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
