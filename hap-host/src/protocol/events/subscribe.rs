use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, SystemTime},
};

use futures_core::Stream;
use hap_manifest::{PluginId, TraceParent, wire};

use super::{
    cursor::Cursor,
    readers::{Place, Readers},
};
use crate::{
    error::{Error, ErrorKind},
    store::{
        log::EventLog,
        page::{Entry, Filter, Page, StoredEvent},
    },
};

/// Events that are read ahead of the application, at most.
const PAGE: usize = 256;
/// Pause after a failed read, so that a reader which just goes on does not spin.
const RETRY: Duration = Duration::from_secs(1);

/// A page on its way.
type Reading = Pin<Box<dyn Future<Output = Result<Page, Error>> + Send>>;

/// An event that a plugin sent, verified and on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PluginEvent {
    /// Its place. Keep it when the event is dealt with, and subscribe after it the next time.
    pub cursor: Cursor,
    /// Who sent it, as proved by its key; the event's own `source` is only what the plugin says.
    pub plugin: PluginId,
    /// What it sent, completed.
    pub event: wire::Event,
    /// When the host received it, by the host's clock.
    pub received_at: SystemTime,
}

impl PluginEvent {
    /// The trace that the event belongs to: its extension attribute `traceparent`, or the header of
    /// the request that it came with. `None` where there was none, or none that can be read.
    ///
    /// An event that a plugin sends while it answers a command belongs to the trace
    /// of that command.
    #[must_use]
    pub fn traceparent(&self) -> Option<TraceParent> {
        let text = self.event.extra.get(TraceParent::HEADER)?;
        TraceParent::parse(text.as_str()?)
    }
}

/// One item of a [`PluginEvents`] stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "nearly every item is an event")]
pub enum Delivery {
    /// An event.
    Event(PluginEvent),
    /// Events are gone from here: retention removed them before this reader came.
    Missed {
        /// How many. With a filter by plugin or type, and for a reader that is more than two days
        /// behind, an upper bound.
        count: u64,
        /// The place up to which they were: keep it as that of an event.
        through: Cursor,
    },
}

impl Delivery {
    /// The place to go on after.
    #[must_use]
    pub const fn cursor(&self) -> Cursor {
        match self {
            Self::Event(event) => event.cursor,
            Self::Missed { through, .. } => *through,
        }
    }
}

/// Which events to read. Default: all of every plugin from now on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscribeOptions {
    after: Option<Cursor>,
    filter: Filter,
}

impl SubscribeOptions {
    /// Starts after this place: [`Cursor::START`] for everything that is kept.
    #[must_use]
    pub const fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    /// Only events of this plugin.
    #[must_use]
    pub fn plugin(mut self, plugin: PluginId) -> Self {
        self.filter.plugin = Some(plugin);
        self
    }

    /// Only events whose type starts so, such as `device.`.
    #[must_use]
    pub fn type_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.filter.type_prefix = prefix.into();
        self
    }
}

/// Events that plugins send, in the order in which they were received, each once.
///
/// They are read from the disk at the reader's own pace, so a slow reader delays nobody and loses
/// nothing but what retention removes meanwhile, and that it is told. The stream ends when the
/// supervisor does.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] when the cursor is ahead of the log, after which the stream ends;
/// [`ErrorKind::Store`] when the disk fails: the next item tries again after a moment.
#[must_use = "a stream does nothing unless it is polled"]
pub struct PluginEvents {
    log: EventLog,
    filter: Filter,
    /// Up to here everything was read, though not all of it was handed out.
    cursor: u64,
    /// Up to here it was.
    place: Place,
    /// A gap that may go on in the next page.
    missed: u64,
    ready: VecDeque<Delivery>,
    reading: Option<Reading>,
    failed: bool,
    ended: bool,
}

impl PluginEvents {
    pub(super) fn new(log: EventLog, options: SubscribeOptions, readers: &Readers) -> Self {
        let cursor = options.after.map_or_else(|| log.last_seq(), Cursor::seq);
        Self {
            log,
            filter: options.filter,
            cursor,
            place: readers.enter(cursor),
            missed: 0,
            ready: VecDeque::new(),
            reading: None,
            failed: false,
            ended: false,
        }
    }

    /// The next item; `None` after the supervisor has ended.
    ///
    /// # Errors
    /// As the stream's items.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<Delivery, Error>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    fn take(&mut self, page: Page) {
        for entry in page.entries {
            match entry {
                // Held back, so that a gap over many pages is told once.
                Entry::Missed { count, through } => {
                    self.missed += count;
                    self.cursor = through;
                }
                Entry::Event(stored) => {
                    self.flush();
                    self.cursor = stored.seq;
                    self.ready.push_back(Delivery::Event(stored.into()));
                }
            }
        }
        if page.end {
            self.flush();
        }
        self.cursor = page.through;
    }

    fn flush(&mut self) {
        if self.missed > 0 {
            let through = Cursor::new(self.cursor);
            self.ready.push_back(Delivery::Missed {
                count: self.missed,
                through,
            });
            self.missed = 0;
        }
    }
}

impl Stream for PluginEvents {
    type Item = Result<Delivery, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(delivery) = this.ready.pop_front() {
                this.place.set(delivery.cursor().seq());
                return Poll::Ready(Some(Ok(delivery)));
            }
            this.place.set(this.cursor);
            if this.ended {
                return Poll::Ready(None);
            }
            let reading = this.reading.get_or_insert_with(|| {
                Box::pin(read(
                    this.log.clone(),
                    this.cursor,
                    this.filter.clone(),
                    this.failed,
                ))
            });
            let read = ready!(reading.as_mut().poll(cx));
            this.reading = None;
            this.failed = read.is_err();
            match read {
                Ok(page) => this.take(page),
                Err(error) => {
                    this.ended = matches!(error.kind(), ErrorKind::ShuttingDown | ErrorKind::InvalidInput);
                    if error.kind() != ErrorKind::ShuttingDown {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
            }
        }
    }
}

/// Waits until there is something after the cursor, then reads it.
async fn read(mut log: EventLog, after: u64, filter: Filter, failed: bool) -> Result<Page, Error> {
    if failed {
        tokio::time::sleep(RETRY).await;
    }
    log.wait_beyond(after).await?;
    log.events_since(after, PAGE, &filter).await
}

impl From<StoredEvent> for PluginEvent {
    fn from(stored: StoredEvent) -> Self {
        Self {
            cursor: Cursor::new(stored.seq),
            plugin: stored.plugin,
            event: stored.event,
            received_at: stored.received,
        }
    }
}

impl fmt::Debug for PluginEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginEvents")
            .field("filter", &self.filter)
            .field("cursor", &self.cursor)
            .field("ready", &self.ready.len())
            .finish_non_exhaustive()
    }
}
