use std::future::Future;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

use super::console::Console;
use crate::failure::{Exit, Failure};

/// Ctrl-C, a closed terminal, or somebody who asks the process to end.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    came: CancellationToken,
    count: watch::Receiver<u32>,
}

impl Interrupt {
    /// Listens for the signals that ask for an end: `SIGINT`, `SIGTERM` and `SIGHUP`. From here on they no longer end the
    /// process by themselves.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let token = CancellationToken::new();
        let (counter, count) = watch::channel(0);
        for kind in [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ] {
            let mut signals = signal(kind).map_err(|error| {
                let message = format!("the signals that end this command cannot be heard: {error}");
                Failure::new(Exit::Failed, "no_signals", message)
            })?;
            let (token, counter) = (token.clone(), counter.clone());
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    counter.send_modify(|count| *count += 1);
                    token.cancel();
                }
            });
        }
        Ok(Self { came: token, count })
    }

    /// Waits for it. Once it came it never waits again.
    pub(crate) async fn came(&self) {
        self.came.cancelled().await;
    }

    /// Waits for this work, which is dropped when the interrupt comes first.
    pub(crate) async fn or<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = self.came() => Err(Self::failure()),
            done = work => Ok(done),
        }
    }

    /// Waits for work that must not be broken off, such as removing what a command made. Who interrupts it is told what it
    /// is, and that it goes on.
    pub(crate) async fn outlast<T>(&self, what: &str, console: &Console, work: impl Future<Output = T>) -> T {
        let mut count = self.count.clone();
        count.mark_unchanged();
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Ok(()) = count.changed() => console.note(what),
            }
        }
    }

    /// What a command ends with that was interrupted and has cleaned up.
    pub(crate) fn failure() -> Failure {
        Failure::new(
            Exit::Interrupted,
            "interrupted",
            "interrupted; nothing is left behind",
        )
    }
}
