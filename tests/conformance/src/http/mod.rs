//! HTTP/1.1 by hand: what was sent and what came are shown to people to the letter, and what no proper client would do
//! can be done.

mod connection;
mod message;
mod request;

pub(crate) use connection::{Broken, Connection};
pub(crate) use message::{Head, MOST_BODY, read_body, read_head};
pub(crate) use request::Request;

/// Shortens a text for a report.
pub(crate) fn shown(bytes: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown: String = text
        .chars()
        .take(most)
        .map(|c| {
            if c.is_control() && c != '\n' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect();
    if text.chars().nth(most).is_some() {
        shown.push_str(" ...");
    }
    shown
}
