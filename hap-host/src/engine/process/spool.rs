//! Output of a process on its way to the log.
//!
//! A process writes straight to two files, not to pipes: a pipe whose reader was killed ends the
//! writer at its next line. Whoever looks after the container moves what was written to the log and
//! gives the space back by punching holes, which loses nothing that is written at the same time.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    folder::{Lock, is_absent, write_json},
    journal::Journal,
    lines,
};
use crate::engine::{spec::LogRotation, stream::LogSource};

/// Space that may lie in a spool before it is given back.
const SLACK: u64 = 1 << 20;

/// How far each spool has been read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Positions {
    stdout: u64,
    stderr: u64,
}

/// The files that a container's process writes to.
pub(super) fn paths(container: &Path) -> [PathBuf; 2] {
    [container.join("stdout"), container.join("stderr")]
}

/// Empties the spools for a new run, and opens them for its process.
pub(super) fn renew(lock: &Lock) -> io::Result<[File; 2]> {
    let [stdout, stderr] = paths(lock.folder());
    let open = |path: &Path| {
        let mut options = OpenOptions::new();
        // Appending keeps writers right when the file is cut.
        let file = options.append(true).create(true).mode(0o600).open(path)?;
        file.set_len(0)?;
        io::Result::Ok(file)
    };
    let files = [open(&stdout)?, open(&stderr)?];
    write_json(&positions(lock), &Positions::default())?;
    Ok(files)
}

/// Moves what was written since to the log. With `ended`, a begun line is moved as well.
pub(super) fn collect(lock: &Lock, rotation: LogRotation, ended: bool) -> io::Result<()> {
    let [stdout, stderr] = paths(lock.folder());
    let before = match fs::read(positions(lock)) {
        Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
        Err(error) if is_absent(&error) => Positions::default(),
        Err(error) => return Err(error),
    };
    let mut collector = Collector {
        lock,
        rotation,
        ended,
        journal: None,
    };
    let after = Positions {
        stdout: collector.drain(&stdout, LogSource::Stdout, before.stdout)?,
        stderr: collector.drain(&stderr, LogSource::Stderr, before.stderr)?,
    };
    // After a kill in between, some lines come twice; the other order would lose them.
    if after != before {
        write_json(&positions(lock), &after)?;
    }
    Ok(())
}

fn positions(lock: &Lock) -> PathBuf {
    lock.folder().join("positions.json")
}

struct Collector<'a> {
    lock: &'a Lock,
    rotation: LogRotation,
    ended: bool,
    /// Opened for the first line, since most looks find none.
    journal: Option<Journal>,
}

impl Collector<'_> {
    /// Moves what a spool holds after `position`, and says how far it is read then.
    fn drain(&mut self, path: &Path, source: LogSource, position: u64) -> io::Result<u64> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(0),
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        // It was cut since.
        let mut position = if length < position { 0 } else { position };
        if length == position {
            return Ok(position);
        }
        position = self.skip(source, position, length)?;
        let mut buffer = vec![0; 64 << 10];
        let mut begun = Vec::new();
        // Up to what was there at first: a process that never pauses must not hold
        // the lock for ever.
        while position < length {
            let read = file.read_at(&mut buffer, position)?;
            if read == 0 {
                break;
            }
            position += read as u64;
            begun.extend_from_slice(buffer.get(..read).unwrap_or_default());
            self.append(source, &lines::take(&mut begun, false))?;
        }
        if self.ended {
            self.append(source, &lines::take(&mut begun, true))?;
        }
        position -= begun.len() as u64;
        release(&file, position)
    }

    /// Passes over what the log would drop at once, such as the output of days without a host.
    fn skip(&mut self, source: LogSource, position: u64, length: u64) -> io::Result<u64> {
        let kept = self
            .rotation
            .max_bytes
            .saturating_mul(self.rotation.files.into())
            .max(SLACK);
        let start = length.saturating_sub(kept);
        if start <= position {
            return Ok(position);
        }
        let text = format!("[{} bytes of output were not kept]", start - position);
        self.append(source, &[lines::Piece { text, partial: false }])?;
        Ok(start)
    }

    fn append(&mut self, source: LogSource, pieces: &[lines::Piece]) -> io::Result<()> {
        if pieces.is_empty() {
            return Ok(());
        }
        let journal = match &mut self.journal {
            Some(journal) => journal,
            None => self
                .journal
                .insert(Journal::open(self.lock.folder(), self.rotation)?),
        };
        journal.append(source, pieces)
    }
}

/// Gives the space before `position` back to the disk, and says how far the spool is read then.
fn release(file: &File, position: u64) -> io::Result<u64> {
    let meta = file.metadata()?;
    // Blocks are counted in 512 bytes whatever the file system's own are.
    if meta.blocks() * 512 < SLACK {
        return Ok(position);
    }
    if punch(file, position) {
        return Ok(position);
    }
    // This file system knows no holes: what is written between the look and the cut is lost.
    if file.metadata()?.len() == position {
        file.set_len(0)?;
        return Ok(0);
    }
    Ok(position)
}

#[cfg(target_os = "linux")]
fn punch(file: &File, length: u64) -> bool {
    use rustix::fs::{FallocateFlags, fallocate};
    length > 0
        && fallocate(
            file,
            FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
            0,
            length,
        )
        .is_ok()
}

#[cfg(not(target_os = "linux"))]
fn punch(_file: &File, _length: u64) -> bool {
    false
}
