use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead as _, BufReader, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use super::{folder::is_absent, journal};
use crate::engine::stream::LogLine;

/// Lines that are read at once.
const BATCH: usize = 256;

/// Reads the files that a [`Journal`](journal::Journal) writes, in order, while it writes them.
#[derive(Debug)]
pub(super) struct Reader {
    folder: PathBuf,
    number: u64,
    offset: u64,
    file: Option<BufReader<File>>,
}

impl Reader {
    /// Begins at the oldest line, or with the last `tail` lines.
    pub(super) fn open(folder: PathBuf, tail: Option<u32>) -> io::Result<Self> {
        let (number, offset) = match tail {
            Some(lines) => tail_start(&folder, lines as usize)?,
            None => (0, 0),
        };
        Ok(Self {
            folder,
            number,
            offset,
            file: None,
        })
    }

    /// The container's folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The next lines; none when there are no more now. Torn lines are left out, so a
    /// batch may be short.
    pub(super) fn next(&mut self) -> io::Result<Vec<LogLine>> {
        let mut lines = Vec::new();
        let mut newer = false;
        while lines.len() < BATCH {
            if !self.has_file()? {
                break;
            }
            if let Some(line) = self.line()? {
                lines.extend(journal::parse(&line));
            } else if newer {
                // The next file was there before this look for more, so nothing is added to
                // this one any more.
                self.number += 1;
                self.offset = 0;
                self.file = None;
                newer = false;
            } else if journal::numbers(&self.folder)?.last() > Some(&self.number) {
                newer = true;
            } else {
                break;
            }
        }
        Ok(lines)
    }

    /// Opens the file to read from; one that was rotated away is passed over.
    fn has_file(&mut self) -> io::Result<bool> {
        if self.file.is_some() {
            return Ok(true);
        }
        for number in journal::numbers(&self.folder)? {
            if number < self.number {
                continue;
            }
            if number > self.number {
                self.number = number;
                self.offset = 0;
            }
            match File::open(journal::path(&self.folder, number)) {
                Ok(file) => {
                    let mut file = BufReader::new(file);
                    file.seek(SeekFrom::Start(self.offset))?;
                    self.file = Some(file);
                    return Ok(true);
                }
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// One whole line; a begun one is left for later.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = &mut self.file else {
            return Ok(None);
        };
        let mut line = Vec::new();
        let read = file.read_until(b'\n', &mut line)?;
        if line.last() == Some(&b'\n') {
            self.offset += read as u64;
            return Ok(Some(line));
        }
        file.seek(SeekFrom::Start(self.offset))?;
        Ok(None)
    }
}

/// Where the last `lines` lines begin.
fn tail_start(folder: &Path, lines: usize) -> io::Result<(u64, u64)> {
    let mut missing = lines;
    let mut start = (0, 0);
    for number in journal::numbers(folder)?.into_iter().rev() {
        let (starts, end) = match line_starts(&journal::path(folder, number), missing) {
            Ok(starts) => starts,
            Err(error) if is_absent(&error) => break,
            Err(error) => return Err(error),
        };
        start = (number, starts.front().copied().unwrap_or(end));
        missing = missing.saturating_sub(starts.len());
        if missing == 0 {
            break;
        }
    }
    Ok(start)
}

/// Where the last `most` whole lines of a file begin, and where the last one ends.
fn line_starts(path: &Path, most: usize) -> io::Result<(VecDeque<u64>, u64)> {
    let mut file = BufReader::new(File::open(path)?);
    let (mut starts, mut end) = (VecDeque::new(), 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = file.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Ok((starts, end));
        }
        starts.push_back(end);
        if starts.len() > most {
            starts.pop_front();
        }
        end += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{
        process::{journal::Journal, lines::Piece},
        spec::LogRotation,
        stream::LogSource,
    };

    fn write(journal: &mut Journal, from: usize, to: usize) {
        let pieces: Vec<Piece> = (from..to)
            .map(|n| Piece {
                text: n.to_string(),
                partial: false,
            })
            .collect();
        journal.append(LogSource::Stdout, &pieces).unwrap();
    }

    fn rest(reader: &mut Reader) -> Vec<usize> {
        let mut all = Vec::new();
        loop {
            let batch = reader.next().unwrap();
            if batch.is_empty() {
                return all;
            }
            all.extend(batch.iter().map(|line| line.text.parse::<usize>().unwrap()));
        }
    }

    fn rotation(max_bytes: u64) -> LogRotation {
        LogRotation { max_bytes, files: 3 }
    }

    #[test]
    fn a_log_is_rotated_and_the_oldest_lines_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), rotation(1000)).unwrap();
        write(&mut journal, 0, 500);
        let files = journal::numbers(folder.path()).unwrap();
        assert_eq!(files.len(), 3);
        for number in files {
            let size = std::fs::metadata(journal::path(folder.path(), number))
                .unwrap()
                .len();
            assert!(size <= 1000, "{size}");
        }
        let kept = rest(&mut Reader::open(folder.path().to_owned(), None).unwrap());
        assert_eq!(kept.last(), Some(&499));
        let expected: Vec<usize> = (kept[0]..500).collect();
        assert_eq!(kept, expected);
    }

    #[test]
    fn the_last_lines_are_found_across_files() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), rotation(1000)).unwrap();
        write(&mut journal, 0, 50);
        for tail in [0, 1, 7, 30] {
            let mut reader = Reader::open(folder.path().to_owned(), Some(tail)).unwrap();
            let expected: Vec<usize> = (50 - tail as usize..50).collect();
            assert_eq!(rest(&mut reader), expected);
        }
    }

    #[test]
    fn a_reader_that_follows_misses_nothing_when_files_change() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), rotation(1000)).unwrap();
        let mut reader = Reader::open(folder.path().to_owned(), None).unwrap();
        let mut seen = Vec::new();
        for n in 0..200 {
            write(&mut journal, n, n + 1);
            if n % 7 == 0 {
                seen.extend(rest(&mut reader));
            }
        }
        seen.extend(rest(&mut reader));
        let expected: Vec<usize> = (0..200).collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_torn_line_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        write(&mut Journal::open(folder.path(), rotation(9999)).unwrap(), 0, 1);
        let path = journal::path(folder.path(), 1);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(b"{\"time\":1,\"err");
        std::fs::write(&path, bytes).unwrap();
        write(&mut Journal::open(folder.path(), rotation(9999)).unwrap(), 1, 2);
        assert_eq!(
            rest(&mut Reader::open(folder.path().to_owned(), None).unwrap()),
            [0, 1]
        );
    }
}
