use rusqlite::{Connection, OptionalExtension as _, params};

use super::encoding::{signed, unsigned};
use crate::model::retention::EventRetention;

/// Rows that retention takes during one append at most, however large an event came in.
const MOST_OF_APPEND: u64 = 2000;

/// How much of what has to go goes at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    rows: i64,
    bytes: i64,
    /// Rows at most, whatever their size.
    most: u64,
}

impl Share {
    /// A little more than what an append brings. So bounds that held before it hold after it, and
    /// bounds that became narrower are reached step by step, at the expense of none.
    pub(super) const fn of_append(rows: i64, bytes: i64) -> Self {
        Self {
            rows: a_little_more(rows),
            bytes: a_little_more(bytes),
            most: MOST_OF_APPEND,
        }
    }

    /// So many rows at most.
    pub(super) fn rows(most: u64) -> Self {
        Self {
            rows: signed(most),
            bytes: i64::MAX,
            most,
        }
    }
}

const fn a_little_more(count: i64) -> i64 {
    count.saturating_add(count / 4).saturating_add(1)
}

/// The sums over one plugin's events.
///
/// A plugin's rows go through three stages, always the oldest first: *kept*; *forgotten*,
/// when the body is gone and the id is remembered; *erased*, when the row is gone and only
/// its count remains.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Source {
    plugin: String,
    pub(super) kept: i64,
    pub(super) kept_bytes: i64,
    forgotten: i64,
    forgotten_to: i64,
    erased: i64,
    erased_to: i64,
}

impl Source {
    /// Reads the sums. They are all zero for a plugin that never sent an event.
    pub(super) fn read(connection: &Connection, plugin: &str) -> rusqlite::Result<Self> {
        let source = connection
            .prepare_cached(
                "SELECT kept, kept_bytes, forgotten, forgotten_to, erased, erased_to \
                 FROM event_sources WHERE plugin = ?1",
            )?
            .query_row([plugin], |row| {
                Ok(Self {
                    plugin: plugin.to_owned(),
                    kept: row.get(0)?,
                    kept_bytes: row.get(1)?,
                    forgotten: row.get(2)?,
                    forgotten_to: row.get(3)?,
                    erased: row.get(4)?,
                    erased_to: row.get(5)?,
                })
            })
            .optional()?;
        Ok(source.unwrap_or_else(|| Self {
            plugin: plugin.to_owned(),
            ..Self::default()
        }))
    }

    /// Every plugin that ever sent an event.
    pub(super) fn plugins(connection: &Connection) -> rusqlite::Result<Vec<String>> {
        connection
            .prepare_cached("SELECT plugin FROM event_sources")?
            .query_map([], |row| row.get(0))?
            .collect()
    }

    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO event_sources \
                 (plugin, kept, kept_bytes, forgotten, forgotten_to, erased, erased_to) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
                 ON CONFLICT (plugin) DO UPDATE SET kept = ?2, kept_bytes = ?3, forgotten = ?4, \
                 forgotten_to = ?5, erased = ?6, erased_to = ?7",
            )?
            .execute(params![
                self.plugin,
                self.kept,
                self.kept_bytes,
                self.forgotten,
                self.forgotten_to,
                self.erased,
                self.erased_to
            ])
            .map(drop)
    }

    /// Keeps the plugin's last status beside the log, where retention does not reach it.
    pub(super) fn note_status(
        &self,
        connection: &Connection,
        seq: i64,
        received: i64,
        body: &str,
    ) -> rusqlite::Result<()> {
        // The row must be there; the sums follow with `write`.
        self.write(connection)?;
        connection
            .prepare_cached(
                "UPDATE event_sources SET status_seq = ?2, status_received = ?3, status_body = ?4 \
                 WHERE plugin = ?1",
            )?
            .execute(params![self.plugin, seq, received, body])
            .map(drop)
    }

    /// Brings the plugin's events within its bounds, or nearer to them by a share in each stage:
    /// bounds may have become much narrower since the last host. Returns how many were forgotten
    /// and how many erased.
    pub(super) fn apply(
        &mut self,
        connection: &Connection,
        retention: &EventRetention,
        share: Share,
    ) -> rusqlite::Result<(u64, u64)> {
        let too_many = self.kept - signed(retention.most_events());
        let too_large = self.kept_bytes - signed(retention.most_bytes());
        let mut forgotten = 0;
        if too_many > 0 || too_large > 0 {
            let (rows, bytes) = (too_many.min(share.rows), too_large.min(share.bytes));
            let upto = self.oldest_to_go(connection, rows, bytes, share.most)?;
            forgotten = self.forget(connection, upto)?;
        }
        let surplus = self.forgotten - signed(retention.most_remembered());
        let erased = if surplus > 0 {
            // As many as were forgotten, so that this stage keeps up with the one before it.
            let rows = a_little_more(signed(forgotten)).max(share.rows);
            let upto = self.last_of_oldest(connection, surplus.min(rows))?;
            self.erase(connection, upto)?
        } else {
            0
        };
        Ok((forgotten, erased))
    }

    /// Forgets and erases at most `most` rows each that are older than the given times.
    pub(super) fn expire(
        &mut self,
        connection: &Connection,
        forget_before: i64,
        erase_before: i64,
        most: u64,
    ) -> rusqlite::Result<(u64, u64)> {
        let (count, upto) = self.stale(connection, self.forgotten_to, forget_before, most)?;
        let forgotten = if count > 0 {
            self.forget(connection, upto)?
        } else {
            0
        };
        let (count, upto) = self.stale(connection, self.erased_to, erase_before, most)?;
        // What is kept is never erased.
        let erased = if count > 0 {
            self.erase(connection, upto.min(self.forgotten_to))?
        } else {
            0
        };
        Ok((forgotten, erased))
    }

    /// How many of the rows after `after` are too old, and the last of them. It ends at the first
    /// that is young enough: stages follow the order of rows, whatever the clock did.
    fn stale(
        &self,
        connection: &Connection,
        after: i64,
        before: i64,
        most: u64,
    ) -> rusqlite::Result<(i64, i64)> {
        let mut oldest = connection.prepare_cached(
            "SELECT seq, received FROM events WHERE plugin = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        )?;
        let mut rows = oldest.query(params![self.plugin, after, signed(most)])?;
        let (mut count, mut upto) = (0, after);
        while let Some(row) = rows.next()? {
            if row.get::<_, i64>(1)? >= before {
                break;
            }
            count += 1;
            upto = row.get(0)?;
        }
        Ok((count, upto))
    }

    /// The last row that must go for the sums to come down by this much, or the last that may go.
    fn oldest_to_go(
        &self,
        connection: &Connection,
        mut count: i64,
        mut bytes: i64,
        most: u64,
    ) -> rusqlite::Result<i64> {
        let mut oldest = connection.prepare_cached(
            "SELECT seq, bytes FROM events WHERE plugin = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        )?;
        let mut rows = oldest.query(params![self.plugin, self.forgotten_to, signed(most)])?;
        let mut upto = self.forgotten_to;
        while count > 0 || bytes > 0 {
            let Some(row) = rows.next()? else { break };
            upto = row.get(0)?;
            count -= 1;
            bytes -= row.get::<_, i64>(1)?;
        }
        Ok(upto)
    }

    fn forget(&mut self, connection: &Connection, upto: i64) -> rusqlite::Result<u64> {
        let range = params![self.plugin, self.forgotten_to, upto];
        let (count, bytes): (i64, i64) = connection
            .prepare_cached(
                "SELECT count(*), coalesce(sum(bytes), 0) FROM events \
                 WHERE plugin = ?1 AND seq > ?2 AND seq <= ?3",
            )?
            .query_row(range, |row| Ok((row.get(0)?, row.get(1)?)))?;
        connection
            .prepare_cached(
                "UPDATE events SET body = NULL, bytes = 0 WHERE plugin = ?1 AND seq > ?2 AND seq <= ?3",
            )?
            .execute(range)?;
        self.kept -= count;
        self.kept_bytes -= bytes;
        self.forgotten += count;
        self.forgotten_to = upto;
        Ok(unsigned(count))
    }

    /// The last of the oldest `count` rows.
    fn last_of_oldest(&self, connection: &Connection, count: i64) -> rusqlite::Result<i64> {
        connection
            .prepare_cached(
                "SELECT coalesce(max(seq), 0) FROM ( \
                   SELECT seq FROM events WHERE plugin = ?1 ORDER BY seq LIMIT ?2)",
            )?
            .query_row(params![self.plugin, count], |row| row.get(0))
    }

    fn erase(&mut self, connection: &Connection, upto: i64) -> rusqlite::Result<u64> {
        let erased = connection
            .prepare_cached("DELETE FROM events WHERE plugin = ?1 AND seq <= ?2")?
            .execute(params![self.plugin, upto])?;
        self.forgotten -= signed(erased);
        self.erased += signed(erased);
        self.erased_to = self.erased_to.max(upto);
        Ok(u64::try_from(erased).unwrap_or(u64::MAX))
    }

    /// How many of the plugin's events after `after` are erased: at most that many, since where
    /// exactly the erased ones were is not remembered.
    pub(super) fn erased_after(&self, after: i64) -> u64 {
        if after >= self.erased_to {
            0
        } else {
            unsigned(self.erased.min(self.erased_to - after))
        }
    }
}
