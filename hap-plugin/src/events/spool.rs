//! [`Spool`]: the outbox of a plugin with a data directory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::de::IgnoredAny;

use crate::events::batch::{Appended, BatchLimit};
use crate::events::mark::{LAST_SEGMENT, Mark, Position};
use crate::storage::{at, create_private_dir, open_private, sync_dir};

/// Length from which on a segment is left for a new one.
const SEGMENT: u64 = 1024 * 1024;
/// Length from which on a segment whose records are all acknowledged is removed.
const WORTH_REMOVING: u64 = 64 * 1024;
/// Longest line that is looked at; anything longer is damage.
const MAX_LINE: usize = 1024 * 1024;

/// An append-only log in a directory of its own.
///
/// * `0000000007.jsonl`: a segment, one JSON event a line. Numbers only grow. A record is accepted once its line
///   and the directory entry of its segment are synced.
/// * `acked`: segment and offset up to which the platform has acknowledged. It is written without a sync: when it
///   is lost, events are delivered again, which their ids tell. One that cannot be right counts as none, and is
///   told: a volume may have been put together of several copies.
/// * `lock`: held by the process that owns the spool.
///
/// A line that was cut short by a crash has no newline or is no JSON, so it is recognised without a
/// checksum.
#[derive(Debug)]
pub(super) struct Spool {
    dir: PathBuf,
    // Length of the good part of each segment.
    segments: BTreeMap<u64, u64>,
    // Open on the last segment; `None` before the first append and after a failed write.
    writer: Option<File>,
    acked: Position,
    handed: Option<Handed>,
    pending: usize,
    pending_bytes: u64,
    damaged: usize,
    max_records: usize,
    max_bytes: u64,
    // Closing it releases the lock.
    _lock: File,
}

/// What `next` returned last.
#[derive(Debug, Clone, Copy)]
struct Handed {
    end: Position,
    records: usize,
    bytes: u64,
    damaged: usize,
}

impl Spool {
    /// Opens or creates the spool and counts what waits in it.
    ///
    /// Fails with `WouldBlock` while another process owns it.
    pub(super) fn open(dir: &Path, max_records: usize, max_bytes: u64) -> io::Result<Self> {
        create_private_dir(dir)?;
        let lock = lock(dir)?;
        let mut spool = Self {
            dir: dir.to_owned(),
            segments: BTreeMap::new(),
            writer: None,
            acked: Position::default(),
            handed: None,
            pending: 0,
            pending_bytes: 0,
            damaged: 0,
            max_records,
            max_bytes,
            _lock: lock,
        };
        spool.recover()?;
        Ok(spool)
    }

    fn recover(&mut self) -> io::Result<()> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(at(&self.dir))? {
            let name = entry.map_err(at(&self.dir))?.file_name();
            match name.to_str().and_then(segment_number) {
                Some(number) => numbers.push(number),
                None if Path::new(&name).extension().is_some_and(|end| end == "jsonl") => {
                    let file = self.dir.join(name);
                    tracing::warn!(file = %file.display(), "it is no segment of the outbox and is passed over");
                }
                None => {}
            }
        }
        numbers.sort_unstable();
        self.acked = self.acknowledged(&numbers)?;
        let (done, waiting): (Vec<u64>, Vec<u64>) = numbers
            .into_iter()
            .partition(|number| *number < self.acked.segment);
        for number in done {
            self.remove(number)?;
        }
        if waiting.first() != Some(&self.acked.segment) {
            // The acknowledged segment is gone. Its number is not used again: an older mark could
            // point into it.
            let segment = waiting.first().copied().unwrap_or(self.acked.segment + 1);
            self.acked = Position { segment, offset: 0 };
        }
        for number in waiting {
            let from = if number == self.acked.segment {
                self.acked.offset
            } else {
                0
            };
            let found = scan(&self.path(number), from)?;
            self.segments.insert(number, found.good_len);
            self.pending += found.records;
            self.pending_bytes += found.bytes;
            if number == self.acked.segment {
                self.acked.offset = from.min(found.good_len);
            }
        }
        Ok(())
    }

    /// Where the mark is, if a spool with these segments can have made it.
    fn acknowledged(&self, segments: &[u64]) -> io::Result<Position> {
        let path = self.dir.join("acked");
        let fault = match Mark::read(&path)? {
            Mark::Absent => return Ok(Position::default()),
            Mark::Unreadable => "it cannot be read",
            Mark::At(position) => match position.fault(segments, &self.path(position.segment))? {
                None => return Ok(position),
                Some(fault) => fault,
            },
        };
        if !segments.is_empty() {
            tracing::warn!(
                file = %path.display(),
                "the mark up to which events are delivered counts as none: {fault}; what waits is delivered, and \
                 some of it may be delivered again"
            );
        }
        // Later segments may grow to where it points.
        fs::remove_file(&path).map_err(at(&path))?;
        Ok(Position::default())
    }

    /// Writes and syncs the records that fit, all or none of them.
    pub(super) fn append(&mut self, records: &[Bytes]) -> Appended {
        let (mut accepted, mut bytes, mut lines) = (0, 0, Vec::new());
        for record in records {
            let more = bytes + record.len() as u64;
            if self.pending + accepted >= self.max_records || self.pending_bytes + more > self.max_bytes {
                break;
            }
            lines.extend_from_slice(record);
            lines.push(b'\n');
            bytes = more;
            accepted += 1;
        }
        if accepted == 0 {
            return Appended {
                accepted,
                error: None,
            };
        }
        match self.write(&lines) {
            Ok(()) => {
                self.pending += accepted;
                self.pending_bytes += bytes;
                Appended {
                    accepted,
                    error: None,
                }
            }
            Err(error) => {
                self.abandon_segment();
                Appended {
                    accepted: 0,
                    error: Some(error),
                }
            }
        }
    }

    /// Leaves a segment whose last write failed; the next append begins another one.
    fn abandon_segment(&mut self) {
        self.writer = None;
        let Some((number, len)) = self
            .segments
            .last_key_value()
            .map(|(number, len)| (*number, *len))
        else {
            return;
        };
        let path = self.path(number);
        // If this fails as well, the refused records may be delivered after a restart.
        if len == 0 {
            // Not to leave an empty file behind at every attempt while the disk is full.
            let _ = fs::remove_file(path);
            self.segments.remove(&number);
        } else {
            let _ = open_private(&path, false).and_then(|file| file.set_len(len));
        }
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let last = self
            .segments
            .last_key_value()
            .map(|(number, len)| (*number, *len));
        let (number, len) = match last {
            Some((number, len)) if self.writer.is_some() && len < SEGMENT => (number, len),
            last => {
                let number = last.map_or(self.acked.segment, |(number, _)| number + 1);
                self.writer = Some(open_private(&self.path(number), true)?);
                self.segments.insert(number, 0);
                sync_dir(&self.dir)?;
                (number, 0)
            }
        };
        if let Some(writer) = &mut self.writer {
            let written = writer.write_all(lines).and_then(|()| writer.sync_data());
            written.map_err(at(&self.path(number)))?;
        }
        self.segments.insert(number, len + lines.len() as u64);
        Ok(())
    }

    /// The oldest records that are not acknowledged. A batch does not reach across segments.
    pub(super) fn next(&mut self, limit: BatchLimit) -> io::Result<Vec<Bytes>> {
        self.handed = None;
        let waiting: Vec<(u64, u64)> = self
            .segments
            .range(self.acked.segment..)
            .map(|(n, len)| (*n, *len))
            .collect();
        for (number, len) in waiting {
            let offset = if number == self.acked.segment {
                self.acked.offset
            } else {
                0
            };
            let batch = read_batch(&self.path(number), offset, len, limit)?;
            let end = Position {
                segment: number,
                offset: batch.end,
            };
            let damaged = batch.damaged;
            if batch.records.is_empty() {
                // Nothing but damage up to the end of the segment.
                self.damaged += damaged;
                self.acked = end;
                continue;
            }
            self.handed = Some(Handed {
                end,
                records: batch.records.len(),
                bytes: batch.bytes,
                damaged,
            });
            return Ok(batch.records);
        }
        // What was counted as waiting and is not there was damaged.
        self.pending = 0;
        self.pending_bytes = 0;
        Ok(Vec::new())
    }

    /// Acknowledges what [`next`](Self::next) returned last.
    pub(super) fn ack(&mut self) -> io::Result<()> {
        let Some(handed) = self.handed.take() else {
            return Ok(());
        };
        self.acked = handed.end;
        self.damaged += handed.damaged;
        self.pending = self.pending.saturating_sub(handed.records);
        self.pending_bytes = self.pending_bytes.saturating_sub(handed.bytes);
        if self.segments.last_key_value() == Some((&self.acked.segment, &self.acked.offset))
            && self.acked.offset >= WORTH_REMOVING
        {
            self.acked = Position {
                segment: self.acked.segment + 1,
                offset: 0,
            };
            self.writer = None;
        }
        // The mark first: a segment that is gone before its mark moved would look lost.
        self.acked.write(&self.dir.join("acked"))?;
        while let Some(first) = self.segments.first_entry() {
            let number = *first.key();
            if number >= self.acked.segment {
                break;
            }
            first.remove();
            self.remove(number)?;
        }
        Ok(())
    }

    fn remove(&self, number: u64) -> io::Result<()> {
        let path = self.path(number);
        fs::remove_file(&path).map_err(at(&path))
    }

    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    pub(super) fn take_damaged(&mut self) -> usize {
        std::mem::take(&mut self.damaged)
    }

    fn path(&self, number: u64) -> PathBuf {
        self.dir.join(file_name(number))
    }
}

fn lock(dir: &Path) -> io::Result<File> {
    let path = dir.join("lock");
    let file = open_private(&path, false)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::WouldBlock,
            "another process uses this data directory",
        )),
        // Some network file systems have no locks; one process to a volume is the rule anyway.
        Err(fs::TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
        Err(fs::TryLockError::Error(error)) => Err(at(&path)(error)),
    }
}

fn segment_number(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".jsonl")?.parse().ok()?;
    (number <= LAST_SEGMENT && file_name(number) == name).then_some(number)
}

fn file_name(number: u64) -> String {
    format!("{number:010}.jsonl")
}

/// Walks the lines of a segment between two offsets until `visit` says no.
///
/// A line is `None` where it is damaged. The second argument of `visit` is the offset after the
/// line.
fn walk(
    path: &Path,
    from: u64,
    to: u64,
    mut visit: impl FnMut(Option<Vec<u8>>, u64) -> bool,
) -> io::Result<()> {
    let mut file = File::open(path).map_err(at(path))?;
    file.seek(SeekFrom::Start(from)).map_err(at(path))?;
    let mut reader = BufReader::new(io::Read::take(file, to.saturating_sub(from)));
    let mut end = from;
    loop {
        let mut line = Vec::new();
        end += reader.read_until(b'\n', &mut line).map_err(at(path))? as u64;
        if line.pop() != Some(b'\n') {
            // The end, or a record whose write did not finish and which was never accepted.
            return Ok(());
        }
        let good = line.len() <= MAX_LINE && serde_json::from_slice::<IgnoredAny>(&line).is_ok();
        if !visit(good.then_some(line), end) {
            return Ok(());
        }
    }
}

struct Scan {
    records: usize,
    bytes: u64,
    good_len: u64,
}

/// Counts the records of a segment from an offset on, up to its last newline.
fn scan(path: &Path, from: u64) -> io::Result<Scan> {
    let len = fs::metadata(path).map_err(at(path))?.len();
    let from = from.min(len);
    let mut scan = Scan {
        records: 0,
        bytes: 0,
        good_len: from,
    };
    walk(path, from, len, |line, end| {
        if let Some(line) = line {
            scan.records += 1;
            scan.bytes += line.len() as u64;
        }
        scan.good_len = end;
        true
    })?;
    Ok(scan)
}

struct Batch {
    records: Vec<Bytes>,
    bytes: u64,
    end: u64,
    damaged: usize,
}

fn read_batch(path: &Path, from: u64, to: u64, limit: BatchLimit) -> io::Result<Batch> {
    let mut batch = Batch {
        records: Vec::new(),
        bytes: 0,
        end: from,
        damaged: 0,
    };
    walk(path, from, to, |line, end| {
        match line {
            None => batch.damaged += 1,
            Some(line) => {
                let bytes = batch.bytes + line.len() as u64;
                if !batch.records.is_empty() && bytes > limit.bytes as u64 {
                    return false;
                }
                batch.bytes = bytes;
                batch.records.push(Bytes::from(line));
            }
        }
        batch.end = end;
        batch.records.len() < limit.events
    })?;
    Ok(batch)
}

#[cfg(test)]
#[path = "spool_properties.rs"]
mod properties;
#[cfg(test)]
#[path = "spool_tests.rs"]
mod tests;
