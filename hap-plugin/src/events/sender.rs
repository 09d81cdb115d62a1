//! [`Sender`]: the task that delivers what the outbox holds.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::events::batch::BatchLimit;
use crate::events::outbox::Outbox;
use crate::events::retry;
use crate::events::transport::{Answer, Message, Transport};
use crate::telemetry::{Loss, Metrics};

/// What the platform takes in one request.
const BATCH: BatchLimit = BatchLimit {
    events: 500,
    bytes: 256 * 1024,
};
/// How often the platform may refuse a single event before the next one gets its turn.
const REFUSALS: usize = 3;
/// Longest wait between attempts while the plugin stops.
const HURRY: Duration = Duration::from_millis(500);

/// Delivers in order, one request at a time, until all is delivered after `flush` is cancelled.
pub(super) struct Sender<T> {
    outbox: Outbox,
    transport: T,
    flush: CancellationToken,
    metrics: Arc<Metrics>,
    // Events that go one by one, because the platform refused the batch they were in.
    singly: usize,
}

/// What became of a message.
enum End {
    Delivered,
    /// It goes no further, so that what comes after it can.
    GivenUp,
    /// A batch that may contain an event the platform refuses.
    Split,
}

impl<T: Transport> Sender<T> {
    pub(super) fn new(outbox: Outbox, transport: T, flush: CancellationToken, metrics: Arc<Metrics>) -> Self {
        Self {
            outbox,
            transport,
            flush,
            metrics,
            singly: 0,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            let limit = if self.singly > 0 {
                BatchLimit { events: 1, ..BATCH }
            } else {
                BATCH
            };
            match self.outbox.next(limit).await {
                None => return,
                Some(Err(error)) => {
                    tracing::error!(%error, "the event spool cannot be read");
                    self.pause(Duration::from_secs(5)).await;
                }
                Some(Ok(records)) if records.is_empty() => {
                    if self.flush.is_cancelled() {
                        return;
                    }
                    // Both are cancel-safe: a notification that comes between two waits is kept.
                    tokio::select! {
                        () = self.outbox.appended() => {}
                        () = self.flush.cancelled() => {}
                    }
                }
                Some(Ok(records)) => {
                    let message = Message::new(&records);
                    drop(records);
                    if !self.settle(&message).await {
                        return;
                    }
                }
            }
        }
    }

    /// Delivers a message and records the end of it; false when the outbox has ended.
    async fn settle(&mut self, message: &Message) -> bool {
        match self.deliver(message).await {
            End::Delivered => self.metrics.delivered(message.events),
            End::GivenUp => self.metrics.lost(Loss::Refused, message.events),
            End::Split => {
                self.singly = message.events;
                return true;
            }
        }
        self.singly = self.singly.saturating_sub(message.events);
        match self.outbox.ack().await {
            None => false,
            Some(Ok(())) => true,
            Some(Err(error)) => {
                // It goes on in memory; after a restart the events are delivered again.
                tracing::error!(%error, "the mark of delivered events cannot be written");
                true
            }
        }
    }

    async fn deliver(&mut self, message: &Message) -> End {
        let (mut failures, mut refusals) = (0, 0);
        loop {
            let (reason, after) = match self.transport.post(message).await {
                Answer::Accepted => return End::Delivered,
                Answer::Refused(status) if message.events > 1 => {
                    tracing::warn!(%status, events = message.events, "the platform refused a batch of events");
                    return End::Split;
                }
                Answer::Refused(status) => {
                    refusals += 1;
                    if refusals == REFUSALS {
                        tracing::error!(%status, event.id = %message.id, "an event is lost: the platform refuses it");
                        return End::GivenUp;
                    }
                    (format!("the platform refused the event with {status}"), None)
                }
                Answer::Later { reason, after } => (reason, after),
            };
            self.metrics.attempt_failed();
            failures += 1;
            let wait = retry::wait(failures, after, random());
            tracing::warn!(
                reason,
                failures,
                events = message.events,
                pending = self.metrics.pending(),
                next_attempt_in_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                "events were not delivered"
            );
            self.pause(wait).await;
        }
    }

    /// Waits; while the plugin stops, not for long.
    async fn pause(&self, wait: Duration) {
        if self.flush.is_cancelled() {
            return sleep(wait.min(HURRY)).await;
        }
        tokio::select! {
            () = sleep(wait) => {}
            () = self.flush.cancelled() => {}
        }
    }
}

/// A random byte: the last one of a version 7 id is.
fn random() -> u8 {
    let [.., last] = *Uuid::now_v7().as_bytes();
    last
}
