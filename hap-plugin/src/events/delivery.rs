//! Events from the plugin to its platform: accepted durably, delivered in order, at least once.
//!
//! [`EventClient::emit`] hands a record to the outbox task, which stores it (on disk where there is
//! a data directory) before `emit` returns. The sender task reads what is stored, posts it, and
//! moves the mark of what the platform acknowledged. Neither task shares a lock with the other:
//! they talk through one bounded channel.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::events::client::EventClient;
use crate::events::outbox::Outbox;
use crate::events::queue::Queue;
use crate::events::sender::Sender;
use crate::events::spool::Spool;
use crate::events::store::Store;
#[cfg(feature = "testing")]
use crate::events::transport::TestTransport;
use crate::events::transport::{HttpTransport, Transport};
use crate::settings::Settings;
use crate::telemetry::{Loss, Metrics};

/// The tasks behind [`EventClient`], to be ended by [`close`](Self::close).
pub(crate) struct Delivery {
    running: Option<Running>,
}

struct Running {
    sender: JoinHandle<()>,
    outbox: JoinHandle<()>,
    flush: CancellationToken,
    close: CancellationToken,
    durable: bool,
    metrics: Arc<Metrics>,
}

/// How long a new instance waits for an old one to let go of the spool.
const TAKEOVER: Duration = Duration::from_secs(10);

/// Starts delivery to the platform of these settings; without a platform events are only logged.
pub(crate) async fn start(
    settings: &Settings,
    metrics: &Arc<Metrics>,
) -> Result<(EventClient, Delivery), std::io::Error> {
    #[cfg(feature = "testing")]
    if let Some(platform) = &settings.test_platform {
        return deliver(settings, metrics, TestTransport(platform.clone())).await;
    }
    let Some(platform) = &settings.platform else {
        return Ok((
            EventClient::logging(settings.id.clone()),
            Delivery { running: None },
        ));
    };
    let transport = HttpTransport::new(platform, settings).map_err(std::io::Error::other)?;
    deliver(settings, metrics, transport).await
}

async fn deliver(
    settings: &Settings,
    metrics: &Arc<Metrics>,
    transport: impl Transport + Sync,
) -> Result<(EventClient, Delivery), std::io::Error> {
    let limits = settings.limits;
    let store = match &settings.data_dir {
        Some(dir) => {
            Store::Disk(open_spool(&dir.join("events"), limits.pending_events, limits.pending_bytes).await?)
        }
        None => Store::Memory(Queue::new(limits.pending_events, limits.pending_bytes)),
    };
    let durable = matches!(store, Store::Disk(_));
    let (flush, close) = (CancellationToken::new(), CancellationToken::new());
    let (outbox, outbox_task) = Outbox::spawn(store, Arc::clone(metrics), close.clone());
    let sender = Sender::new(outbox.clone(), transport, flush.clone(), Arc::clone(metrics));
    let running = Running {
        sender: tokio::spawn(sender.run()),
        outbox: outbox_task,
        flush,
        close,
        durable,
        metrics: Arc::clone(metrics),
    };
    Ok((
        EventClient::delivering(settings.id.clone(), outbox),
        Delivery {
            running: Some(running),
        },
    ))
}

async fn open_spool(dir: &Path, events: usize, bytes: u64) -> Result<Spool, std::io::Error> {
    let give_up = tokio::time::Instant::now() + TAKEOVER;
    loop {
        let dir = dir.to_owned();
        let opened = tokio::task::spawn_blocking(move || Spool::open(&dir, events, bytes)).await;
        match opened.map_err(std::io::Error::other)? {
            Err(error)
                if error.kind() == std::io::ErrorKind::WouldBlock
                    && tokio::time::Instant::now() < give_up =>
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            result => return result,
        }
    }
}

impl Delivery {
    /// Delivers what is pending until the deadline, then ends the tasks.
    ///
    /// What is left stays on disk, or is counted and logged as lost where there is none.
    pub(crate) async fn close(mut self, deadline: tokio::time::Instant) {
        let Some(running) = self.running.take() else {
            return;
        };
        running.flush.cancel();
        let mut sender = running.sender;
        if tokio::time::timeout_at(deadline, &mut sender).await.is_err() {
            sender.abort();
        }
        running.close.cancel();
        let left = running.metrics.pending();
        // The outbox only finishes the write it is in; if the disk hangs, so be it.
        if tokio::time::timeout(Duration::from_millis(500), running.outbox)
            .await
            .is_err()
        {
            tracing::warn!("the event spool is still being written to");
        }
        if left == 0 {
            return;
        }
        if running.durable {
            tracing::info!(pending = left, "undelivered events are kept for the next start");
        } else {
            running
                .metrics
                .lost(Loss::Shutdown, usize::try_from(left).unwrap_or(usize::MAX));
            tracing::error!(
                lost = left,
                "undelivered events are lost: there is no data directory to keep them in"
            );
        }
    }
}

#[cfg(feature = "testing")]
impl Delivery {
    /// Ends the tasks where they are, as a kill would, and waits until they are gone and the spool
    /// is free.
    pub(crate) async fn crash(mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        running.sender.abort();
        running.close.cancel();
        // Neither has anything to tell: the one was aborted, the other ends with the write it is
        // in.
        let _ = tokio::join!(running.sender, running.outbox);
    }
}

impl Drop for Delivery {
    /// A delivery that is dropped without [`close`](Self::close) ends without a flush.
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.sender.abort();
            running.close.cancel();
        }
    }
}
