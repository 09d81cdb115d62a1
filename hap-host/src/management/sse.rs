//! Server-sent events: bounded in number, in what waits for a slow reader, and in how long
//! it is waited for.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    http::{HeaderValue, header::HeaderName},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_core::Stream;
use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{error::Refusal, view::progress::Ended};
use crate::{error::Error, supervisor::Supervisor};

/// Streams at a time.
const STREAMS: usize = 64;
/// Items that wait for a slow reader, beyond what the source itself keeps.
const WAITING: usize = 16;
/// A reader that takes nothing for so long has gone, whether its connection says so or not.
const STALLED: Duration = Duration::from_secs(60);
/// Something is sent at least so often, so that nobody between takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// When a browser is to come again after a stream has ended.
const RETRY: Duration = Duration::from_secs(2);

/// One item of a stream.
#[derive(Debug)]
pub(super) struct Message {
    name: &'static str,
    id: Option<String>,
    data: String,
}

impl Message {
    pub(super) fn new(name: &'static str, data: &impl Serialize) -> Self {
        Self {
            name,
            id: None,
            // Whatever is sent has texts for keys, and cannot fail.
            data: serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned()),
        }
    }

    /// The place that a reader says when it comes again.
    pub(super) fn with_id(self, id: Option<String>) -> Self {
        Self { id, ..self }
    }

    /// Why the source failed, in the shape of every refusal.
    pub(super) fn failed(error: Error) -> Self {
        Self::new("failed", Refusal::from(error).body())
    }

    fn into_event(self) -> Event {
        let event = Event::default().event(self.name).data(self.data);
        match self.id {
            Some(id) => event.id(id),
            None => event,
        }
    }
}

/// The streams that are open. Clones share the bound.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    free: Arc<Semaphore>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

impl Streams {
    pub(super) fn new(supervisor: &Supervisor) -> Self {
        let shared = &supervisor.0.shared;
        Self {
            free: Arc::new(Semaphore::new(STREAMS)),
            tasks: shared.tasks.clone(),
            cancel: shared.cancel.clone(),
        }
    }

    /// Streams what the source tells until it ends, its reader goes, or the supervisor does.
    pub(super) fn open(
        &self,
        source: impl Stream<Item = Message> + Send + 'static,
    ) -> Result<Response, Refusal> {
        let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() else {
            let message = format!("{STREAMS} streams are open, and no more are at a time: close one");
            return Err(Refusal::too_many("too_many_streams", message));
        };
        let (sender, mut receiver) = mpsc::channel(WAITING);
        let cancel = self.cancel.clone();
        self.tasks.spawn(async move {
            pump(source, sender, cancel).await;
            drop(permit);
        });
        let items = stream::poll_fn(move |cx| receiver.poll_recv(cx)).map(Message::into_event);
        // At once, so that a reader sees that it is connected, whenever the first item comes.
        let opened = Event::default().comment("open").retry(RETRY);
        let events = stream::iter([opened]).chain(items).map(Ok::<_, Infallible>);
        let mut response = Sse::new(events)
            .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
            .into_response();
        // A proxy that gathers answers before it hands them on would hand on nothing.
        let unbuffered = HeaderName::from_static("x-accel-buffering");
        response
            .headers_mut()
            .insert(unbuffered, HeaderValue::from_static("no"));
        Ok(response)
    }

    #[cfg(all(test, feature = "testing"))]
    pub(super) fn free(&self) -> usize {
        self.free.available_permits()
    }
}

/// Beside the response: a connection that takes nothing is never asked for more, and would keep its
/// place for ever.
async fn pump(source: impl Stream<Item = Message>, sender: mpsc::Sender<Message>, cancel: CancellationToken) {
    let mut source = std::pin::pin!(source);
    loop {
        let next = tokio::select! {
            biased;
            // All are cancel safe: an item is taken out of the source only when it is ready.
            () = cancel.cancelled() => break,
            () = sender.closed() => return,
            next = source.next() => next,
        };
        let Some(message) = next else { break };
        let sending = sender.send_timeout(message, STALLED);
        match cancel.run_until_cancelled(sending).await {
            Some(Ok(())) => {}
            Some(Err(_)) => return,
            None => break,
        }
    }
    // Asked here, because a source may end by the same.
    if cancel.is_cancelled() {
        // A reader that is behind learns it from the end of the stream itself: nothing
        // waits for it now.
        let reason = "shutting_down".into();
        let _ = sender.try_send(Message::new("end", &Ended { reason }));
        return;
    }
    let reason = "no_more".into();
    let end = Message::new("end", &Ended { reason });
    // Whoever has gone need not know.
    let _ = sender.send_timeout(end, STALLED).await;
}
