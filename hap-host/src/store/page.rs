//! Reads the log.

use std::time::SystemTime;

use hap_manifest::{PluginId, wire::Event};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{
    encoding::{signed, time_of, unsigned},
    error,
    event_source::Source,
};
use crate::error::{Error, ErrorKind};

/// A page ends after this many bytes of events, so that what a reader holds is bounded.
const MOST_BYTES: i64 = 4 * 1024 * 1024;

/// An event in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredEvent {
    pub(crate) seq: u64,
    pub(crate) plugin: PluginId,
    pub(crate) event: Event,
    pub(crate) received: SystemTime,
}

/// One thing that a reader finds after its cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every entry of a page is an event"
)]
pub(crate) enum Entry {
    Event(StoredEvent),
    /// So many events are gone from here: retention took them before they were read.
    Missed {
        count: u64,
        through: u64,
    },
}

/// Part of the log, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) entries: Vec<Entry>,
    /// Everything up to here is in this page or before it: where the next one starts.
    pub(crate) through: u64,
    /// Whether this was the end of the log when it was read.
    pub(crate) end: bool,
}

/// Which events a reader wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) plugin: Option<PluginId>,
    /// Events whose type starts so.
    pub(crate) type_prefix: String,
}

/// Reads on after a cursor: at most `limit` rows, of which the filter may leave fewer events.
pub(super) fn read(
    connection: &mut Connection,
    after: u64,
    limit: usize,
    filter: &Filter,
) -> Result<Page, Error> {
    let failed = || error::sql("read the events");
    // One transaction: rows, sums and the end of the log must be of the same moment.
    let transaction = connection.transaction().map_err(failed())?;
    let last = last_seq(&transaction).map_err(failed())?;
    if after > last {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("the cursor {after} is ahead of the last event, {last}: it belongs to another store"),
        ));
    }
    page(&transaction, after, limit, filter, last).map_err(failed())
}

fn page(
    connection: &Connection,
    after: u64,
    limit: usize,
    filter: &Filter,
    last: u64,
) -> rusqlite::Result<Page> {
    let mut page = Builder {
        entries: Vec::new(),
        position: after,
        missed: 0,
        filter,
    };
    let mut statement = match &filter.plugin {
        Some(plugin) => {
            page.missed = Source::read(connection, plugin.as_str())?.erased_after(signed(after));
            connection.prepare_cached(
                "SELECT seq, plugin, kind, received, bytes, body FROM events \
                 WHERE seq > ?1 AND plugin = ?3 ORDER BY seq LIMIT ?2",
            )?
        }
        // The third parameter is there for its sibling and always true.
        None => connection.prepare_cached(
            "SELECT seq, plugin, kind, received, bytes, body FROM events \
             WHERE seq > ?1 AND ?3 IS NULL ORDER BY seq LIMIT ?2",
        )?,
    };
    let mut rows = statement.query(params![
        signed(after),
        signed(limit),
        filter.plugin.as_ref().map(PluginId::as_str)
    ])?;
    let (mut count, mut bytes) = (0, 0);
    let mut end = true;
    while let Some(row) = rows.next()? {
        page.take(row)?;
        count += 1;
        bytes += row.get::<_, i64>(4)?;
        if count >= limit || bytes >= MOST_BYTES {
            end = page.position == last;
            break;
        }
    }
    if end {
        page.advance(last.saturating_add(1));
        page.position = last;
    }
    page.flush();
    Ok(Page {
        entries: page.entries,
        through: page.position,
        end,
    })
}

struct Builder<'a> {
    entries: Vec<Entry>,
    position: u64,
    missed: u64,
    filter: &'a Filter,
}

impl Builder<'_> {
    /// Comes to the row of this number. The log has no gaps by itself, so those in between
    /// are erased; a reader of one plugin cannot tell whose they were, and has counted its
    /// own at the start.
    fn advance(&mut self, seq: u64) {
        if self.filter.plugin.is_none() {
            self.missed += seq.saturating_sub(self.position).saturating_sub(1);
        }
    }

    fn take(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let seq = unsigned(row.get(0)?);
        self.advance(seq);
        let kind: String = row.get(2)?;
        if kind.starts_with(&self.filter.type_prefix) {
            match stored(seq, row.get(1)?, row.get(3)?, row.get(5)?) {
                Some(event) => {
                    self.flush();
                    self.entries.push(Entry::Event(event));
                }
                None => self.missed += 1,
            }
        }
        self.position = seq;
        Ok(())
    }

    fn flush(&mut self) {
        if self.missed > 0 {
            self.entries.push(Entry::Missed {
                count: self.missed,
                through: self.position,
            });
            self.missed = 0;
        }
    }
}

/// `None` for an event whose body is gone, or cannot be read: that costs the one event
/// and is counted.
fn stored(seq: u64, plugin: String, received: i64, body: Option<String>) -> Option<StoredEvent> {
    let body = body?;
    let read = PluginId::new(plugin)
        .map_err(|error| error.to_string())
        .and_then(|plugin| {
            serde_json::from_str(&body)
                .map(|event| (plugin, event))
                .map_err(|e| e.to_string())
        });
    match read {
        Ok((plugin, event)) => Some(StoredEvent {
            seq,
            plugin,
            event,
            received: time_of(received),
        }),
        Err(error) => {
            tracing::error!(seq, %error, "a stored event cannot be read and counts as missed");
            None
        }
    }
}

/// The highest number ever given to an event; 0 before the first.
pub(super) fn last_seq(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'events'")?
        .query_row([], |row| row.get(0))
        .optional()
        .map(|seq| unsigned(seq.unwrap_or(0)))
}

/// The last event of type `status` that a plugin sent, also when retention took it from the log.
pub(super) fn last_status(connection: &Connection, plugin: &PluginId) -> Result<Option<StoredEvent>, Error> {
    let row: Option<(i64, i64, String)> = connection
        .prepare_cached(
            "SELECT status_seq, status_received, status_body FROM event_sources \
             WHERE plugin = ?1 AND status_body IS NOT NULL",
        )
        .and_then(|mut status| {
            status
                .query_row([plugin.as_str()], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })
                .optional()
        })
        .map_err(|error| error::sql("read the last status")(error).with_plugin(plugin))?;
    Ok(row.and_then(|(seq, received, body)| {
        stored(unsigned(seq), plugin.as_str().to_owned(), received, Some(body))
    }))
}
