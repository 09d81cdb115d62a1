//! [`Outbox`]: the task that owns the [`Store`].

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::events::batch::BatchLimit;
use crate::events::error::EmitError;
use crate::events::store::Store;
use crate::telemetry::{Loss, Metrics};

/// Requests that may wait for the task; beyond it `emit` waits, which slows the plugin to the
/// disk's pace, and `try_emit` fails.
const MAILBOX: usize = 256;
/// Time between two log lines about refused events; the metrics count each of them.
const QUIET: Duration = Duration::from_secs(10);

enum Request {
    Append {
        record: Bytes,
        reply: Reply,
    },
    Next {
        limit: BatchLimit,
        reply: oneshot::Sender<io::Result<Vec<Bytes>>>,
    },
    Ack {
        reply: oneshot::Sender<io::Result<()>>,
    },
}

/// Who wants to know what became of a record; `None`: nobody waits.
type Reply = Option<oneshot::Sender<Result<(), EmitError>>>;

/// Handle of the task. Cloning is cheap.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    requests: mpsc::Sender<Request>,
    appended: Arc<Notify>,
    metrics: Arc<Metrics>,
    // Records that found the mailbox full; counted already, and to be logged by the task.
    overflown: Arc<AtomicUsize>,
}

impl Outbox {
    /// Starts the task; it ends after `close` is cancelled and what was asked before is done.
    pub(super) fn spawn(
        store: Store,
        metrics: Arc<Metrics>,
        close: CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        let (requests, inbox) = mpsc::channel(MAILBOX);
        let appended = Arc::new(Notify::new());
        let overflown = Arc::new(AtomicUsize::new(0));
        metrics.set_pending(store.pending());
        let keeper = Keeper {
            store,
            metrics: Arc::clone(&metrics),
            appended: Arc::clone(&appended),
            overflown: Arc::clone(&overflown),
            spoke: None,
        };
        let task = tokio::spawn(serve(keeper, inbox, close));
        let outbox = Self {
            requests,
            appended,
            metrics,
            overflown,
        };
        (outbox, task)
    }

    /// Stores a record; when this returns `Ok` it is as durable as the store is.
    pub(super) async fn append(&self, record: Bytes) -> Result<(), EmitError> {
        let (reply, answer) = oneshot::channel();
        let reply = Some(reply);
        self.requests
            .send(Request::Append { record, reply })
            .await
            .map_err(|_| EmitError::Closed)?;
        answer.await.unwrap_or(Err(EmitError::Closed))
    }

    /// Hands a record over without waiting until it is stored; the task counts and logs it if it
    /// cannot be.
    pub(super) fn try_append(&self, record: Bytes) -> Result<(), EmitError> {
        // Before the task can count it off.
        self.metrics.handed_over();
        let reply = None;
        self.requests
            .try_send(Request::Append { record, reply })
            .map_err(|error| {
                self.metrics.taken_over();
                match error {
                    mpsc::error::TrySendError::Closed(_) => EmitError::Closed,
                    mpsc::error::TrySendError::Full(_) => {
                        self.metrics.lost(Loss::Full, 1);
                        self.overflown.fetch_add(1, Ordering::Relaxed);
                        let pending = usize::try_from(self.metrics.pending()).unwrap_or(usize::MAX);
                        EmitError::Full { pending }
                    }
                }
            })
    }

    /// The oldest records; `None` when the task has ended.
    pub(super) async fn next(&self, limit: BatchLimit) -> Option<io::Result<Vec<Bytes>>> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Next { limit, reply }).await.ok()?;
        answer.await.ok()
    }

    /// Acknowledges what [`next`](Self::next) returned last; `None` when the task has ended.
    pub(super) async fn ack(&self) -> Option<io::Result<()>> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Ack { reply }).await.ok()?;
        answer.await.ok()
    }

    /// Waits until something was appended since the last call. Cancel-safe.
    pub(super) async fn appended(&self) {
        self.appended.notified().await;
    }
}

async fn serve(mut keeper: Keeper, mut inbox: mpsc::Receiver<Request>, close: CancellationToken) {
    let mut closing = false;
    loop {
        let mut requests = Vec::new();
        tokio::select! {
            // Requests first: what was asked before the close is still done. Both arms are
            // cancel-safe.
            biased;
            received = inbox.recv_many(&mut requests, MAILBOX) => if received == 0 { return },
            () = close.cancelled(), if !closing => {
                closing = true;
                inbox.close();
                continue;
            }
        }
        keeper = match keeper.store {
            Store::Memory(_) => keeper.work(requests),
            // A sync takes milliseconds. The store goes along and comes back, so nothing is locked
            // meanwhile.
            Store::Disk(_) => match tokio::task::spawn_blocking(move || keeper.work(requests)).await {
                Ok(keeper) => keeper,
                Err(error) => {
                    tracing::error!(%error, "the event outbox is broken: no more events are accepted");
                    return;
                }
            },
        };
    }
}

struct Keeper {
    store: Store,
    metrics: Arc<Metrics>,
    appended: Arc<Notify>,
    overflown: Arc<AtomicUsize>,
    spoke: Option<Instant>,
}

impl Keeper {
    /// Carries out the requests in order. Appends in a row are stored together: one sync for all of
    /// them.
    fn work(mut self, requests: Vec<Request>) -> Self {
        let (mut records, mut replies) = (Vec::new(), Vec::new());
        for request in requests {
            match request {
                Request::Append { record, reply } => {
                    records.push(record);
                    replies.push(reply);
                }
                Request::Next { limit, reply } => {
                    self.append(&mut records, &mut replies);
                    let _ = reply.send(self.store.next(limit));
                }
                Request::Ack { reply } => {
                    self.append(&mut records, &mut replies);
                    let _ = reply.send(self.store.ack());
                }
            }
        }
        self.append(&mut records, &mut replies);
        let overflown = self.overflown.swap(0, Ordering::Relaxed);
        if overflown > 0 {
            self.complain(overflown, "they come faster than they are stored");
        }
        let damaged = self.store.take_damaged();
        if damaged > 0 {
            self.metrics.lost(Loss::Damaged, damaged);
            tracing::error!(
                lost = damaged,
                "events are lost: their records on disk are damaged"
            );
        }
        self.metrics.set_pending(self.store.pending());
        self
    }

    fn append(&mut self, records: &mut Vec<Bytes>, replies: &mut Vec<Reply>) {
        if records.is_empty() {
            return;
        }
        let result = self.store.append(records);
        let refused = records.len() - result.accepted;
        let error = match result.error {
            Some(error) => {
                self.metrics.lost(Loss::Storage, refused);
                EmitError::Storage(Arc::new(error))
            }
            None => {
                self.metrics.lost(Loss::Full, refused);
                EmitError::Full {
                    pending: self.store.pending(),
                }
            }
        };
        if refused > 0 {
            self.complain(refused, &crate::telemetry::chain(&error));
        }
        self.metrics.emitted(result.accepted);
        // Before the replies: whoever waits for them then sees the count.
        self.metrics.set_pending(self.store.pending());
        for (index, reply) in replies.drain(..).enumerate() {
            let Some(reply) = reply else {
                self.metrics.taken_over();
                continue;
            };
            // A caller that went away does not need to know.
            let _ = reply.send(if index < result.accepted {
                Ok(())
            } else {
                Err(error.clone())
            });
        }
        records.clear();
        self.appended.notify_one();
    }

    fn complain(&mut self, refused: usize, error: &str) {
        if self.spoke.is_none_or(|spoke| spoke.elapsed() >= QUIET) {
            self.spoke = Some(Instant::now());
            tracing::error!(refused, error, "events are refused");
        }
    }
}
