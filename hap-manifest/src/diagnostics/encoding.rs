//! From bytes to text, and why bytes are not the UTF-8 that JSON is written in.

use std::str::Utf8Error;

use super::issue_code::IssueCode;
use super::place::Place;
use super::report::Issue;

/// Decodes bytes as UTF-8. The issue says what they are instead and where the first wrong byte is.
pub(crate) fn decode(bytes: &[u8]) -> Result<&str, Issue> {
    if is_utf16(bytes) {
        return Err(refuse("the text is UTF-16".to_owned(), "", 0));
    }
    std::str::from_utf8(bytes).map_err(|error| explain(bytes, error))
}

/// Returns whether the bytes begin with the mark of UTF-16, or with an ASCII character in UTF-16.
/// No JSON in UTF-8 does.
const fn is_utf16(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..]
    )
}

#[cold]
fn explain(bytes: &[u8], error: Utf8Error) -> Issue {
    let end = error.valid_up_to();
    let text = bytes
        .get(..end)
        .and_then(|valid| std::str::from_utf8(valid).ok())
        .unwrap_or_default();
    let message = match bytes.get(end) {
        Some(byte) if error.error_len().is_some() => {
            format!("the text is not UTF-8: it has the byte 0x{byte:02x}")
        }
        _ => "the text ends inside a character".to_owned(),
    };
    refuse(message, text, end)
}

fn refuse(message: String, text: &str, at: usize) -> Issue {
    Issue::new("", IssueCode::InvalidUtf8, message)
        .with_help("save the file as UTF-8")
        .at_place(Place::of(text, &(at..at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wrong_byte_is_shown() {
        let little: Vec<u8> = "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "{\"\u{dc}\"}".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let rows: [(&[u8], &str); 6] = [
            (
                b"{\n \"a\": \"\xe4\"}",
                "2:8: error[invalid_utf8]: the text is not UTF-8: it has the byte 0xe4; save the file as UTF-8",
            ),
            (
                b"\"\xc3\xa4\xc3",
                "1:3: error[invalid_utf8]: the text ends inside a character; save the file as UTF-8",
            ),
            (
                b"\xff",
                "1:1: error[invalid_utf8]: the text is not UTF-8: it has the byte 0xff; save the file as UTF-8",
            ),
            (
                b"{\0}\0",
                "1:1: error[invalid_utf8]: the text is UTF-16; save the file as UTF-8",
            ),
            (
                &little,
                "1:1: error[invalid_utf8]: the text is UTF-16; save the file as UTF-8",
            ),
            (
                &big,
                "1:1: error[invalid_utf8]: the text is UTF-16; save the file as UTF-8",
            ),
        ];
        for (bytes, expected) in rows {
            assert_eq!(decode(bytes).unwrap_err().to_string(), expected, "{bytes:?}");
        }
    }
}
