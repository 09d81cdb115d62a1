use std::future::Future;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::failure::{Exit, Failure};

/// Ctrl-C, a closed terminal, or somebody who asks the process to end.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(CancellationToken);

impl Interrupt {
    /// Listens for the signals that ask for an end: `SIGINT`, `SIGTERM` and `SIGHUP`. From here on they no longer end the
    /// process by themselves.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let token = CancellationToken::new();
        for kind in [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ] {
            let mut signals = signal(kind).map_err(|error| {
                let message = format!("the signals that end this command cannot be heard: {error}");
                Failure::new(Exit::Failed, "no_signals", message)
            })?;
            let token = token.clone();
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    token.cancel();
                }
            });
        }
        Ok(Self(token))
    }

    /// Waits for it. Once it came it never waits again.
    pub(crate) async fn came(&self) {
        self.0.cancelled().await;
    }

    /// Whether it came.
    pub(crate) fn has_come(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits for this work, which is dropped when the interrupt comes first.
    pub(crate) async fn or<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = self.came() => Err(Self::failure()),
            done = work => Ok(done),
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
