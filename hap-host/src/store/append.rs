//! Adds received events to the log.

use std::time::SystemTime;

use hap_manifest::{PluginId, wire::Event};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    encoding::{json, micros, signed, unsigned},
    error,
    event_source::{Share, Source},
};
use crate::{error::Error, model::retention::EventRetention};

/// The type of an event that reports a plugin's status.
pub(super) const STATUS: &str = "status";

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    /// Its place in the log; that of the first delivery for a repeated one.
    pub(crate) seq: u64,
    /// It was there already.
    pub(crate) duplicate: bool,
}

/// Events on their way into the log.
#[derive(Debug)]
pub(super) struct Batch {
    plugin: PluginId,
    received: i64,
    events: Vec<Prepared>,
}

#[derive(Debug)]
struct Prepared {
    id: String,
    kind: String,
    body: String,
}

impl Batch {
    pub(super) fn new(plugin: PluginId, events: Vec<Event>, received: SystemTime) -> Result<Self, Error> {
        let events = events
            .into_iter()
            .map(|event| {
                let body = json("event", &event)?;
                Ok(Prepared {
                    id: event.id,
                    kind: event.r#type,
                    body,
                })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self {
            plugin,
            received: micros(received),
            events,
        })
    }
}

/// Appends several batches in one transaction, so that they share the wait for the disk.
pub(super) fn append_all(
    connection: &mut Connection,
    batches: &[&Batch],
    retention: &EventRetention,
) -> Result<Vec<Vec<Appended>>, Error> {
    (|| {
        let transaction = connection.transaction()?;
        let appended = batches
            .iter()
            .map(|batch| append(&transaction, batch, retention))
            .collect::<Result<_, _>>()?;
        transaction.commit()?;
        Ok(appended)
    })()
    .map_err(error::sql("store the events"))
}

fn append(
    connection: &Connection,
    batch: &Batch,
    retention: &EventRetention,
) -> rusqlite::Result<Vec<Appended>> {
    let plugin = batch.plugin.as_str();
    let mut source = Source::read(connection, plugin)?;
    // Looked up first rather than left to the index: an insert that the index refuses would use up
    // a number, and readers take a missing number for a lost event.
    let mut find = connection.prepare_cached("SELECT seq FROM events WHERE plugin = ?1 AND id = ?2")?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO events (plugin, id, kind, received, bytes, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut appended = Vec::with_capacity(batch.events.len());
    let (mut new, mut new_bytes) = (0, 0);
    for event in &batch.events {
        let known: Option<i64> = find.query_row([plugin, &event.id], |row| row.get(0)).optional()?;
        if let Some(seq) = known {
            appended.push(Appended {
                seq: unsigned(seq),
                duplicate: true,
            });
            continue;
        }
        let bytes = event.body.len();
        insert.execute(params![
            plugin,
            event.id,
            event.kind,
            batch.received,
            signed(bytes),
            event.body
        ])?;
        let seq = connection.last_insert_rowid();
        new += 1;
        new_bytes += signed(bytes);
        source.kept += 1;
        source.kept_bytes += signed(bytes);
        if event.kind == STATUS {
            source.note_status(connection, seq, batch.received, &event.body)?;
        }
        appended.push(Appended {
            seq: unsigned(seq),
            duplicate: false,
        });
    }
    source.apply(connection, retention, Share::of_append(new, new_bytes))?;
    source.write(connection)?;
    Ok(appended)
}

/// What retention did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pruned {
    /// Events whose content was removed.
    pub(crate) forgotten: u64,
    /// Events of which nothing is remembered any more.
    pub(crate) erased: u64,
}

impl Pruned {
    pub(super) fn add(&mut self, (forgotten, erased): (u64, u64)) {
        self.forgotten += forgotten;
        self.erased += erased;
    }
}
