use tokio::sync::watch;

use super::{
    error,
    page::{self, Filter, Page},
    worker::WeakLane,
    writer::Reader,
};
use crate::error::Error;

/// The log of events, for readers. It does not keep the store open: a stream that an application
/// holds on to must not keep the next supervisor out of the folder.
#[derive(Debug, Clone)]
pub(crate) struct EventLog {
    reader: WeakLane<Reader>,
    last: watch::Receiver<u64>,
}

impl EventLog {
    pub(super) const fn new(reader: WeakLane<Reader>, last: watch::Receiver<u64>) -> Self {
        Self { reader, last }
    }

    /// The number of the last event ever stored, 0 before the first.
    pub(crate) fn last_seq(&self) -> u64 {
        *self.last.borrow()
    }

    /// Waits until there is an event after this one. Returns at once for a cursor ahead of the log,
    /// which [`events_since`](Self::events_since) refuses.
    pub(crate) async fn wait_beyond(&mut self, after: u64) -> Result<(), Error> {
        self.last
            .wait_for(|last| *last != after)
            .await
            .map(drop)
            .map_err(|_| error::closed())
    }

    /// Reads on after a cursor: at most `limit` rows, of which the filter may leave fewer events.
    ///
    /// # Errors
    /// `InvalidInput` for a cursor that this log has never reached, `ShuttingDown` once the
    /// store is closed.
    pub(crate) async fn events_since(
        &self,
        after: u64,
        limit: usize,
        filter: &Filter,
    ) -> Result<Page, Error> {
        let reader = self.reader.upgrade().ok_or_else(error::closed)?;
        let filter = filter.clone();
        super::writer::read(&reader, move |connection| {
            page::read(connection, after, limit, &filter)
        })
        .await
    }
}
