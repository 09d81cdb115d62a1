use crate::engine::stream::{LogLine, character_start};

/// A line of output, or a piece of one that is too long.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    /// More of the same line follows.
    pub(super) partial: bool,
}

/// Takes the whole lines off the front of `bytes`, and pieces of a line that is too long to keep.
/// With `ended` the begun line is taken as well.
pub(super) fn take(bytes: &mut Vec<u8>, ended: bool) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = bytes.as_slice();
    loop {
        let line_end = rest.iter().position(|byte| *byte == b'\n');
        let length = line_end.unwrap_or(rest.len());
        if length > LogLine::MAX_BYTES {
            let (piece, tail) = rest.split_at(character_start(rest, LogLine::MAX_BYTES));
            push(piece, true, &mut pieces);
            rest = tail;
        } else if line_end.is_some() {
            let (line, tail) = rest.split_at(length);
            push(line.strip_suffix(b"\r").unwrap_or(line), false, &mut pieces);
            rest = tail.get(1..).unwrap_or_default();
        } else {
            break;
        }
    }
    if ended && !rest.is_empty() {
        push(rest, false, &mut pieces);
        rest = &[];
    }
    let taken = bytes.len() - rest.len();
    bytes.drain(..taken);
    pieces
}

/// Replacing what is not UTF-8 makes a text longer, so it may need cutting once more.
fn push(bytes: &[u8], partial: bool, pieces: &mut Vec<Piece>) {
    let text = String::from_utf8_lossy(bytes);
    let mut rest = text.as_ref();
    while rest.len() > LogLine::MAX_BYTES {
        let (piece, tail) = rest.split_at(character_start(rest.as_bytes(), LogLine::MAX_BYTES));
        pieces.push(Piece {
            text: piece.to_owned(),
            partial: true,
        });
        rest = tail;
    }
    pieces.push(Piece {
        text: rest.to_owned(),
        partial,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: &mut Vec<u8>, ended: bool) -> Vec<(String, bool)> {
        take(bytes, ended)
            .into_iter()
            .map(|piece| (piece.text, piece.partial))
            .collect()
    }

    #[test]
    fn a_begun_line_waits_for_its_end_or_the_end_of_the_run() {
        let mut bytes = b"one\r\n\ntw".to_vec();
        assert_eq!(
            texts(&mut bytes, false),
            [("one".to_owned(), false), (String::new(), false)]
        );
        assert_eq!(bytes, b"tw");
        assert_eq!(texts(&mut bytes, true), [("tw".to_owned(), false)]);
        assert!(bytes.is_empty());
    }

    #[test]
    fn a_long_line_comes_in_pieces_that_split_no_character() {
        let text = "é".repeat(LogLine::MAX_BYTES);
        let mut bytes = format!("x{text}\n").into_bytes();
        let pieces = take(&mut bytes, false);
        assert!(pieces.iter().all(|piece| piece.text.len() <= LogLine::MAX_BYTES));
        assert_eq!(pieces.iter().filter(|piece| !piece.partial).count(), 1);
        let whole: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(whole, format!("x{text}"));
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_within_the_limit() {
        let mut bytes = vec![0xff; LogLine::MAX_BYTES];
        bytes.push(b'\n');
        let pieces = take(&mut bytes, false);
        assert!(pieces.iter().all(|piece| piece.text.len() <= LogLine::MAX_BYTES));
    }
}
