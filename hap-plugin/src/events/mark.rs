//! [`Position`]: up to where the platform has acknowledged a spool, and the file that remembers it.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::storage::{at, open_private};

/// Highest number of a segment. A mark beyond it was not written by a spool.
pub(super) const LAST_SEGMENT: u64 = u64::MAX / 2;

/// A segment, and an offset in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Position {
    pub(super) segment: u64,
    pub(super) offset: u64,
}

/// What a mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// There is none yet.
    Absent,
    At(Position),
    Unreadable,
}

impl Mark {
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Absent),
            Err(error) => return Err(at(path)(error)),
        };
        let position = || {
            let (segment, offset) = str::from_utf8(&text).ok()?.trim_end().split_once(' ')?;
            Some(Position {
                segment: segment.parse().ok()?,
                offset: offset.parse().ok()?,
            })
        };
        Ok(position().map_or(Self::Unreadable, Self::At))
    }
}

impl Position {
    pub(super) fn write(self, path: &Path) -> io::Result<()> {
        // Always as long, so that the old mark is overwritten by one write within a sector.
        let line = format!("{:020} {:020}\n", self.segment, self.offset);
        open_private(path, false)?
            .write_all(line.as_bytes())
            .map_err(at(path))
    }

    /// Why no spool with these segments, in order, can have acknowledged up to here. Its own segment
    /// is asked for where it is among them.
    pub(super) fn fault(self, segments: &[u64], own: &Path) -> io::Result<Option<&'static str>> {
        if self.segment > LAST_SEGMENT {
            return Ok(Some("it names a segment that never was"));
        }
        let beyond = |last: &u64| self.segment > last + u64::from(self.offset == 0);
        if segments.last().is_some_and(beyond) {
            return Ok(Some("it points beyond the last segment"));
        }
        if self.offset > 0 && segments.contains(&self.segment) && !ends_a_line(own, self.offset)? {
            return Ok(Some("it points to where no event of its segment ends"));
        }
        Ok(None)
    }
}

fn ends_a_line(path: &Path, offset: u64) -> io::Result<bool> {
    let last = || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset - 1))?;
        let mut byte = Vec::new();
        file.take(1).read_to_end(&mut byte)?;
        Ok(byte)
    };
    last().map(|byte| byte == b"\n").map_err(at(path))
}
