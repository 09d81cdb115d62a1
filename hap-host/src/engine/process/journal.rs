use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::lines::Piece;
use crate::engine::{
    spec::LogRotation,
    stream::{LogLine, LogSource},
};

/// A line as it is written: one JSON object on one line.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    /// Nanoseconds since 1970.
    time: i64,
    error: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    partial: bool,
    text: String,
}

/// Appends lines to the files `log.<n>`, of which the newest few are kept.
///
/// The numbers only grow, so a reader that follows knows which file comes next.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    rotation: LogRotation,
    number: u64,
    file: File,
    size: u64,
}

impl Journal {
    /// Goes on where the last writer stopped. The caller holds the container's lock.
    pub(super) fn open(folder: &Path, rotation: LogRotation) -> io::Result<Self> {
        let number = numbers(folder)?.last().copied().unwrap_or(1);
        let file = open(folder, number)?;
        let mut journal = Self {
            folder: folder.to_owned(),
            rotation,
            number,
            size: file.metadata()?.len(),
            file,
        };
        journal.end_torn_line()?;
        Ok(journal)
    }

    pub(super) fn append(&mut self, source: LogSource, pieces: &[Piece]) -> io::Result<()> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = i64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(i64::MAX);
        let mut batch = Vec::new();
        for piece in pieces {
            let start = batch.len();
            let entry = Entry {
                time: now,
                error: source == LogSource::Stderr,
                partial: piece.partial,
                text: piece.text.clone(),
            };
            serde_json::to_writer(&mut batch, &entry)?;
            batch.push(b'\n');
            let grown = self.size + batch.len() as u64;
            if grown > self.rotation.max_bytes && self.size + start as u64 > 0 {
                let next = batch.split_off(start);
                self.flush(&mut batch)?;
                self.rotate()?;
                batch = next;
            }
        }
        self.flush(&mut batch)
    }

    fn flush(&mut self, batch: &mut Vec<u8>) -> io::Result<()> {
        self.file.write_all(batch)?;
        self.size += batch.len() as u64;
        batch.clear();
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.number += 1;
        self.file = open(&self.folder, self.number)?;
        self.size = 0;
        let kept = u64::from(self.rotation.files.max(1));
        for number in numbers(&self.folder)? {
            if number + kept <= self.number {
                fs::remove_file(path(&self.folder, number))?;
            }
        }
        Ok(())
    }

    /// A host that was killed may have written half a line.
    fn end_torn_line(&mut self) -> io::Result<()> {
        if self.size == 0 {
            return Ok(());
        }
        let mut last = [0];
        self.file.seek(SeekFrom::Start(self.size - 1))?;
        self.file.read_exact(&mut last)?;
        if last == *b"\n" {
            return Ok(());
        }
        self.flush(&mut vec![b'\n'])
    }
}

/// Turns one written line back; `None` for one that was torn.
pub(super) fn parse(line: &[u8]) -> Option<LogLine> {
    let entry: Entry = serde_json::from_slice(line).ok()?;
    let since = u64::try_from(entry.time).ok().map(Duration::from_nanos);
    let time = since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    let source = if entry.error {
        LogSource::Stderr
    } else {
        LogSource::Stdout
    };
    let mut line = LogLine::new(source, time, entry.text);
    line.partial = entry.partial;
    Some(line)
}

/// The numbers of the files that there are, the oldest first.
pub(super) fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if let Some(number) = name
            .to_str()
            .and_then(|name| name.strip_prefix("log.")?.parse().ok())
        {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("log.{number}"))
}

fn open(folder: &Path, number: u64) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path(folder, number))
}
