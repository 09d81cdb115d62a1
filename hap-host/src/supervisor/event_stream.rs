//! The stream of what happens to plugins.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use futures_util::StreamExt;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::model::event::{Event, HostEvent};

/// Capacity of the channel of supervisor events.
pub(crate) fn event_channel() -> broadcast::Sender<Event> {
    broadcast::Sender::new(EventStream::CAPACITY)
}

/// One item of an [`EventStream`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamItem {
    /// Something happened to a plugin.
    Event(Event),
    /// Something happened to the host as a whole, such as a loss of isolation.
    Host(HostEvent),
    /// The reader was too slow: this many events were dropped. The state of every plugin
    /// is still exact.
    Lagged(u64),
}

/// What happens to plugins and to the host from the subscription on. It never slows the supervisor down: a reader
/// that falls more than [`EventStream::CAPACITY`] events behind is told how many it missed.
pub struct EventStream(Pin<Box<dyn Stream<Item = StreamItem> + Send>>);

impl EventStream {
    /// Events that wait for a slow reader.
    pub const CAPACITY: usize = 1024;

    /// Ends when the supervisor does: the channel itself lives on in whoever still
    /// holds a clone of it.
    pub(crate) fn new(
        receivers: (broadcast::Receiver<Event>, broadcast::Receiver<HostEvent>),
        cancel: CancellationToken,
    ) -> Self {
        Self(Box::pin(futures_util::stream::unfold(
            (receivers, cancel),
            |((mut plugins, mut host), cancel)| async move {
                let received = tokio::select! {
                    // What happened before the end is still told.
                    biased;
                    // All are cancel safe.
                    received = host.recv() => received.map(StreamItem::Host),
                    received = plugins.recv() => received.map(StreamItem::Event),
                    () = cancel.cancelled() => return None,
                };
                let notice = match received {
                    Ok(item) => item,
                    Err(broadcast::error::RecvError::Lagged(missed)) => StreamItem::Lagged(missed),
                    Err(broadcast::error::RecvError::Closed) => return None,
                };
                Some((notice, ((plugins, host), cancel)))
            },
        )))
    }

    /// The next notice; `None` after the supervisor has shut down.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<StreamItem> {
        self.0.next().await
    }
}

impl Stream for EventStream {
    type Item = StreamItem;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<StreamItem>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl std::fmt::Debug for EventStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EventStream")
    }
}

#[cfg(test)]
mod tests {
    use hap_manifest::PluginId;

    use super::*;
    use crate::model::event::{EventKind, HostEventKind};

    #[tokio::test]
    async fn a_stream_ends_with_the_supervisor_also_where_somebody_keeps_a_clone_of_it() {
        let (sender, cancel) = (broadcast::Sender::new(4), CancellationToken::new());
        let host = broadcast::Sender::new(4);
        let mut stream = EventStream::new((sender.subscribe(), host.subscribe()), cancel.clone());
        let lost = HostEvent::now(HostEventKind::IsolationRegained);
        host.send(lost.clone()).unwrap();
        assert_eq!(stream.next().await, Some(StreamItem::Host(lost)));
        let event = Event::now(PluginId::new("light").unwrap(), EventKind::Installed);
        sender.send(event.clone()).unwrap();
        cancel.cancel();
        assert_eq!(stream.next().await, Some(StreamItem::Event(event)));
        assert_eq!(stream.next().await, None);
        drop(sender);
    }
}
