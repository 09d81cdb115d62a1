use std::time::SystemTime;

use bollard::container::LogOutput;
use hap_manifest::rfc3339;

use crate::engine::stream::{LogLine, LogSource, character_start};

/// Makes lines of a container's output again.
///
/// The engine sends frames: one is at most 16 KiB of one source, begins with the time, and holds a
/// line or a piece of one. Frames of both sources are mixed, so each source has its own rest.
#[derive(Debug, Default)]
pub(super) struct LineAssembler {
    stdout: Rest,
    stderr: Rest,
}

/// The begun line of one source.
#[derive(Debug, Default)]
struct Rest {
    bytes: Vec<u8>,
    time: Option<SystemTime>,
}

impl LineAssembler {
    /// Takes in a frame and gives the lines that it completes.
    pub(super) fn push(&mut self, frame: &LogOutput) -> Vec<LogLine> {
        let (rest, source, bytes) = match frame {
            LogOutput::StdErr { message } => (&mut self.stderr, LogSource::Stderr, message),
            LogOutput::StdOut { message } | LogOutput::Console { message } | LogOutput::StdIn { message } => {
                (&mut self.stdout, LogSource::Stdout, message)
            }
        };
        rest.push(source, bytes)
    }

    /// Gives what is left when no more comes.
    pub(super) fn finish(&mut self) -> Vec<LogLine> {
        let mut lines = Vec::new();
        for (rest, source) in [
            (&mut self.stdout, LogSource::Stdout),
            (&mut self.stderr, LogSource::Stderr),
        ] {
            if !rest.bytes.is_empty() {
                rest.end_line(source, &mut lines);
            }
        }
        lines
    }
}

impl Rest {
    fn push(&mut self, source: LogSource, frame: &[u8]) -> Vec<LogLine> {
        let (time, text) = split_time(frame);
        let mut lines = Vec::new();
        for piece in text.split_inclusive(|byte| *byte == b'\n') {
            if self.bytes.is_empty() {
                self.time = time;
            }
            let (piece, complete) = match piece.strip_suffix(b"\n") {
                Some(piece) => (piece, true),
                None => (piece, false),
            };
            self.bytes.extend_from_slice(piece);
            self.cut(source, &mut lines);
            if complete {
                self.end_line(source, &mut lines);
            }
        }
        lines
    }

    /// Hands out pieces of a line that has become too long to keep.
    fn cut(&mut self, source: LogSource, lines: &mut Vec<LogLine>) {
        while self.bytes.len() > LogLine::MAX_BYTES {
            let at = character_start(&self.bytes, LogLine::MAX_BYTES);
            let tail = self.bytes.split_off(at);
            let piece = std::mem::replace(&mut self.bytes, tail);
            emit(source, self.time, &piece, true, lines);
        }
    }

    fn end_line(&mut self, source: LogSource, lines: &mut Vec<LogLine>) {
        let bytes = std::mem::take(&mut self.bytes);
        let text = bytes.strip_suffix(b"\r").unwrap_or(&bytes);
        emit(source, self.time, text, false, lines);
    }
}

/// Replacing what is not UTF-8 makes a text longer, so it may need cutting once more.
fn emit(source: LogSource, time: Option<SystemTime>, bytes: &[u8], partial: bool, lines: &mut Vec<LogLine>) {
    let text = String::from_utf8_lossy(bytes);
    let mut rest = text.as_ref();
    while rest.len() > LogLine::MAX_BYTES {
        let (piece, tail) = rest.split_at(character_start(rest.as_bytes(), LogLine::MAX_BYTES));
        lines.push(line(source, time, piece, true));
        rest = tail;
    }
    lines.push(line(source, time, rest, partial));
}

fn line(source: LogSource, time: Option<SystemTime>, text: &str, partial: bool) -> LogLine {
    let mut line = LogLine::new(source, time, text.to_owned());
    line.partial = partial;
    line
}

/// Whether a line is from before the moment that was asked for: the engine only
/// knows whole seconds.
pub(super) fn is_before(line: &LogLine, since: Option<SystemTime>) -> bool {
    match (line.time, since) {
        (Some(time), Some(since)) => time < since,
        _ => false,
    }
}

fn split_time(frame: &[u8]) -> (Option<SystemTime>, &[u8]) {
    let end = frame.iter().take(40).position(|byte| *byte == b' ');
    let split = end.and_then(|end| {
        let text = std::str::from_utf8(frame.get(..end)?).ok()?;
        Some((rfc3339::parse(text).ok()?, frame.get(end + 1..)?))
    });
    match split {
        Some((time, text)) => (Some(time), text),
        None => (None, frame),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2026-01-02T03:04:05.678901234Z";

    fn out(text: &[u8]) -> LogOutput {
        LogOutput::StdOut {
            message: [TIME.as_bytes(), b" ", text].concat().into(),
        }
    }

    fn err(text: &[u8]) -> LogOutput {
        LogOutput::StdErr {
            message: [TIME.as_bytes(), b" ", text].concat().into(),
        }
    }

    fn texts(lines: &[LogLine]) -> Vec<(&str, bool)> {
        lines
            .iter()
            .map(|line| (line.text.as_str(), line.partial))
            .collect()
    }

    #[test]
    fn a_frame_may_hold_a_line_a_piece_or_several_lines() {
        let mut lines = LineAssembler::default();
        assert_eq!(texts(&lines.push(&out(b"one\n"))), [("one", false)]);
        assert!(lines.push(&out(b"tw")).is_empty());
        assert_eq!(
            texts(&lines.push(&out(b"o\r\nthree\nfo"))),
            [("two", false), ("three", false)]
        );
        assert_eq!(texts(&lines.push(&out(b"\n\n"))), [("fo", false), ("", false)]);
        assert!(lines.finish().is_empty());
    }

    #[test]
    fn the_sources_are_kept_apart() {
        let mut lines = LineAssembler::default();
        assert!(lines.push(&out(b"a")).is_empty());
        assert!(lines.push(&err(b"b")).is_empty());
        let ended = lines.push(&out(b"A\n"));
        assert_eq!(
            (ended[0].source, ended[0].text.as_str()),
            (LogSource::Stdout, "aA")
        );
        let left = lines.finish();
        assert_eq!(
            (left[0].source, left[0].text.as_str(), left[0].partial),
            (LogSource::Stderr, "b", false)
        );
    }

    #[test]
    fn the_time_comes_from_the_first_frame_of_a_line() {
        let mut lines = LineAssembler::default();
        let line = lines.push(&out(b"x\n")).remove(0);
        assert_eq!(rfc3339::format(line.time.unwrap()).unwrap(), TIME);
        let plain = LogOutput::StdOut {
            message: "no time here\n".into(),
        };
        let line = lines.push(&plain).remove(0);
        assert_eq!((line.time, line.text.as_str()), (None, "no time here"));
    }

    #[test]
    fn a_long_line_comes_in_pieces_that_join_to_it() {
        let mut lines = LineAssembler::default();
        let long = "é".repeat(20_000);
        let mut bytes = b"x".to_vec();
        bytes.extend_from_slice(long.as_bytes());
        let mut pieces = Vec::new();
        for chunk in bytes.chunks(LogLine::MAX_BYTES) {
            pieces.extend(lines.push(&out(chunk)));
        }
        pieces.extend(lines.push(&out(b"\n")));
        assert!(pieces.iter().all(|piece| piece.text.len() <= LogLine::MAX_BYTES));
        assert_eq!(
            pieces.iter().map(|piece| piece.partial).collect::<Vec<_>>(),
            [true, true, false]
        );
        let joined: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(joined, format!("x{long}"));
    }

    #[test]
    fn a_line_of_exactly_the_limit_is_whole() {
        let mut lines = LineAssembler::default();
        let text = "x".repeat(LogLine::MAX_BYTES);
        assert!(lines.push(&out(text.as_bytes())).is_empty());
        assert_eq!(texts(&lines.push(&out(b"\n"))), [(text.as_str(), false)]);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_within_the_limit() {
        let mut lines = LineAssembler::default();
        let pieces = lines.push(&out(&[&[0xff; LogLine::MAX_BYTES][..], b"\n"].concat()));
        assert!(pieces.iter().all(|piece| piece.text.len() <= LogLine::MAX_BYTES));
        let count: usize = pieces.iter().map(|piece| piece.text.chars().count()).sum();
        assert_eq!(count, LogLine::MAX_BYTES);
        assert!(!pieces.last().unwrap().partial);
    }
}
