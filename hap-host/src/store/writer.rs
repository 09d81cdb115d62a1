use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rusqlite::{Connection, OptionalExtension as _};
use tokio::sync::{oneshot, watch};

use super::{
    append::{self, Appended, Batch, Pruned},
    encoding::{micros, time_of, unsigned},
    error,
    event_source::{Share, Source},
    folder::Folder,
    schema::BUSY_TIMEOUT,
    worker::{Lane, Worker},
};
use crate::{error::Error, model::retention::EventRetention};

/// Batches that share one transaction: enough to share the wait for the disk, few enough that
/// none waits long.
const GROUP: usize = 64;
/// Rows that retention works on before it lets others in.
const PRUNE_STEP: u64 = 500;
/// Pages of the file, usually of 4 KiB, that are given back to the disk before others are let in.
const VACUUM_STEP: u32 = 128;
/// Free pages that stay for what comes next.
const SPARE_PAGES: u64 = 256;
/// For emptying the write-ahead log, which waits for readers of the file and holds up all writing.
const CHECKPOINT_WAIT: Duration = Duration::from_millis(100);

/// The one that writes.
pub(super) struct Writer {
    // Closed before the folder is given up.
    connection: Connection,
    retention: EventRetention,
    last: watch::Sender<u64>,
    folder: Arc<Folder>,
}

/// Where the places of appended events are told.
type AppendReply = oneshot::Sender<Result<Vec<Appended>, Error>>;

/// What a [`Writer`] does.
pub(super) enum Write {
    Append { batch: Batch, reply: AppendReply },
    Other(Box<dyn FnOnce(&mut Writer) + Send>),
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        retention: EventRetention,
        last: watch::Sender<u64>,
        folder: Arc<Folder>,
    ) -> Self {
        Self {
            connection,
            retention,
            last,
            folder,
        }
    }

    pub(super) fn folder(&self) -> Arc<Folder> {
        Arc::clone(&self.folder)
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn append(&mut self, mut group: Vec<(Batch, AppendReply)>) {
        let batches: Vec<_> = group.iter().map(|(batch, _)| batch).collect();
        // What is written to a file that is gone is acknowledged to nobody.
        let appended = self
            .folder
            .check()
            .and_then(|()| append::append_all(&mut self.connection, &batches, &self.retention));
        match appended {
            Ok(appended) => {
                let last = appended
                    .iter()
                    .flatten()
                    .map(|appended| appended.seq)
                    .max()
                    .unwrap_or(0);
                // After the commit, so that whoever is woken finds the rows.
                self.last.send_if_modified(|known| {
                    let news = last > *known;
                    *known = last.max(*known);
                    news
                });
                for ((_, reply), appended) in group.into_iter().zip(appended) {
                    // The caller may have gone; the events are stored all the same.
                    let _ = reply.send(Ok(appended));
                }
            }
            Err(error) if group.len() == 1 => {
                if let Some((_, reply)) = group.pop() {
                    let _ = reply.send(Err(error));
                }
            }
            // Each by itself, so that what one of them meets is not the others' failure.
            Err(_) => group.into_iter().for_each(|one| self.append(vec![one])),
        }
    }

    /// How long something of an event is kept, and when the newest one came.
    pub(super) fn ages(&mut self) -> Result<(Duration, Option<SystemTime>), Error> {
        let newest = self
            .connection
            .query_row(
                "SELECT received FROM events ORDER BY seq DESC LIMIT 1",
                [],
                |row| row.get(0),
            )
            .optional()
            .map_err(error::sql("read the newest event"))?;
        let kept_for = self.retention.longest().max(EventRetention::MEMORY);
        Ok((kept_for, newest.map(time_of)))
    }

    /// One bounded step of retention by age.
    pub(super) fn prune_step(&mut self, now: SystemTime) -> Result<Pruned, Error> {
        let kept_for = self.retention.longest();
        let forget_before = micros(now - kept_for);
        let erase_before = micros(now - kept_for.max(EventRetention::MEMORY));
        (|| {
            let mut pruned = Pruned::default();
            let transaction = self.connection.transaction()?;
            for plugin in Source::plugins(&transaction)? {
                let Some(left) = PRUNE_STEP.checked_sub(pruned.forgotten + pruned.erased) else {
                    break;
                };
                let mut source = Source::read(&transaction, &plugin)?;
                let before = source.clone();
                pruned.add(source.expire(&transaction, forget_before, erase_before, left)?);
                // The bounds may be narrower than those that the last host had.
                pruned.add(source.apply(&transaction, &self.retention, Share::rows(left))?);
                if source != before {
                    source.write(&transaction)?;
                }
            }
            transaction.commit()?;
            Ok(pruned)
        })()
        .map_err(error::sql("remove old events"))
    }

    /// Gives some free pages of the file back to the disk; whether there are more to give.
    pub(super) fn shrink_step(&mut self) -> Result<bool, Error> {
        (|| {
            let free = self
                .connection
                .pragma_query_value(None, "freelist_count", |row| row.get(0).map(unsigned))?;
            let surplus = free.saturating_sub(SPARE_PAGES);
            if surplus == 0 {
                return Ok(false);
            }
            let step = surplus.min(u64::from(VACUUM_STEP));
            let mut vacuum = self
                .connection
                .prepare(&format!("PRAGMA incremental_vacuum({step})"))?;
            // Each row is one page: none is given back before it is asked for.
            let mut rows = vacuum.query([])?;
            while rows.next()?.is_some() {}
            drop(rows);
            drop(vacuum);
            let more = surplus > step;
            if !more {
                // The file becomes shorter when the log is written into it.
                self.connection.busy_timeout(CHECKPOINT_WAIT)?;
                let emptied = self
                    .connection
                    .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
                self.connection.busy_timeout(BUSY_TIMEOUT)?;
                emptied?;
            }
            Ok(more)
        })()
        .map_err(error::sql("give free pages back to the disk"))
    }
}

impl Worker for Writer {
    type Job = Write;

    fn run(&mut self, jobs: Vec<Write>) {
        let mut jobs = VecDeque::from(jobs);
        let mut group = Vec::new();
        while let Some(job) = jobs.pop_front() {
            match job {
                Write::Append { batch, reply } => {
                    group.push((batch, reply));
                    if group.len() < GROUP && matches!(jobs.front(), Some(Write::Append { .. })) {
                        continue;
                    }
                    self.append(std::mem::take(&mut group));
                }
                Write::Other(work) => work(self),
            }
        }
    }
}

/// The one that reads, beside the writer.
pub(super) struct Reader {
    connection: Connection,
    _folder: Arc<Folder>,
}

impl Reader {
    pub(super) fn new(connection: Connection, folder: Arc<Folder>) -> Self {
        Self {
            connection,
            _folder: folder,
        }
    }
}

/// What a [`Reader`] does.
pub(super) type Read = Box<dyn FnOnce(&mut Connection) + Send>;

impl Worker for Reader {
    type Job = Read;

    fn run(&mut self, jobs: Vec<Read>) {
        for job in jobs {
            job(&mut self.connection);
        }
    }
}

pub(super) async fn read<T: Send + 'static>(
    reader: &Lane<Reader>,
    work: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    reader
        .ask(|reply| -> Read {
            Box::new(move |connection| {
                // Nobody to tell when the caller has gone.
                let _ = reply.send(work(connection));
            })
        })
        .await
}
