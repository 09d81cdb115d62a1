//! Server-sent events as they come, in bounded pieces. <https://html.spec.whatwg.org/multipage/server-sent-events.html>

use std::time::Duration;

use serde_json::Value;

use super::{
    connect::Reply,
    error::{ClientError, ClientErrorKind},
};

pub(super) const EVENTS: &str = "text/event-stream";
/// Most bytes of one event. A line of output has 16 KiB, an event of a plugin 256 KiB, a plugin's details more.
const MOST: usize = 16 << 20;
/// A host sends something every 15 seconds: after so long it is gone, whether its connection says so or not.
const SILENCE: Duration = Duration::from_secs(60);

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) data: Value,
    /// Its place, where it has one.
    pub(super) id: Option<String>,
}

/// The events of an answer.
#[derive(Debug)]
pub(super) struct Events {
    reply: Reply,
    parser: Parser,
}

impl Events {
    pub(super) fn of(reply: Reply) -> Self {
        Self {
            reply,
            parser: Parser::default(),
        }
    }

    /// Returns the next event; `None` at the end. Cancel safe: what has come is kept.
    pub(super) async fn next(&mut self) -> Option<Result<Event, ClientError>> {
        loop {
            match self.parser.next() {
                Ok(Some(event)) => return Some(Ok(event)),
                Ok(None) => {}
                Err(why) => {
                    let message = format!("{} sends {why}", self.reply.place());
                    return Some(Err(ClientError::new(ClientErrorKind::InvalidReply, message)));
                }
            }
            match tokio::time::timeout(SILENCE, self.reply.chunk()).await {
                Ok(Ok(Some(piece))) => self.parser.feed(&piece),
                Ok(Ok(None)) => return None,
                Ok(Err(error)) => return Some(Err(error)),
                Err(_) => {
                    let message = format!("{} has sent nothing for {SILENCE:?}", self.reply.place());
                    return Some(Err(ClientError::new(ClientErrorKind::Timeout, message)));
                }
            }
        }
    }
}

/// Puts pieces together to lines, and lines to events.
#[derive(Debug, Default)]
struct Parser {
    /// What came and is not read yet.
    rest: Vec<u8>,
    /// How much of it has been looked at for the end of a line.
    seen: usize,
    name: String,
    data: String,
    id: Option<String>,
}

impl Parser {
    fn feed(&mut self, piece: &[u8]) {
        self.rest.extend_from_slice(piece);
    }

    fn next(&mut self) -> Result<Option<Event>, &'static str> {
        while let Some(line) = self.line() {
            if line.is_empty() {
                if let Some(event) = self.whole()? {
                    return Ok(Some(event));
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut self.name),
                "data" => {
                    if !self.data.is_empty() {
                        self.data.push('\n');
                    }
                    self.data.push_str(value);
                }
                "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
                // A comment, a pause for browsers, or what a later standard adds.
                _ => {}
            }
            if self.data.len() > MOST {
                return Err("an event without an end");
            }
        }
        if self.rest.len() > MOST {
            return Err("a line without an end");
        }
        Ok(None)
    }

    /// The next whole line. A host ends lines with a line feed, others may with both.
    fn line(&mut self) -> Option<String> {
        let mut unseen = self.rest.iter().skip(self.seen);
        let Some(end) = unseen.position(|byte| *byte == b'\n').map(|end| end + self.seen) else {
            self.seen = self.rest.len();
            return None;
        };
        let mut line: Vec<u8> = self.rest.drain(..=end).collect();
        self.seen = 0;
        line.pop();
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        Some(String::from_utf8_lossy(line).into_owned())
    }

    fn whole(&mut self) -> Result<Option<Event>, &'static str> {
        let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
        let id = self.id.take();
        if data.is_empty() {
            return Ok(None);
        }
        let data = serde_json::from_str(&data).map_err(|_| "an event that is no JSON")?;
        Ok(Some(Event { name, data, id }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<Event> {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for piece in pieces {
            parser.feed(piece);
            while let Some(event) = parser.next().unwrap() {
                events.push(event);
            }
        }
        events
    }

    const SENT: &str = ": open\nretry: 2000\n\nevent: line\nid: 7\ndata: {\"text\":\"ä\"}\n\n:\n\nevent: end\r\ndata: {\"reason\":\r\ndata: \"no_more\"}\r\n\r\nevent: half\ndata: {}\n";

    #[test]
    fn events_are_read_with_their_names_and_places_and_a_half_one_is_not() {
        let events = read(&[SENT.as_bytes()]);
        assert_eq!(events.len(), 2);
        assert_eq!(
            (events[0].name.as_str(), events[0].id.as_deref()),
            ("line", Some("7"))
        );
        assert_eq!(events[0].data["text"], "ä");
        assert_eq!(
            (events[1].name.as_str(), &events[1].id, &events[1].data["reason"]),
            ("end", &None, &Value::from("no_more"))
        );
    }

    #[test]
    fn what_is_no_json_and_what_never_ends_is_refused() {
        let mut parser = Parser::default();
        parser.feed(b"data: {\n\n");
        assert!(parser.next().is_err());
        let mut parser = Parser::default();
        parser.feed(&vec![b'x'; MOST + 1]);
        assert!(parser.next().is_err());
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_pieces_end(cuts in proptest::collection::vec(0..SENT.len(), 0..12)) {
            let mut cuts = cuts;
            cuts.extend([0, SENT.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &SENT.as_bytes()[cut[0]..cut[1]]).collect();
            prop_assert_eq!(read(&pieces), read(&[SENT.as_bytes()]));
        }
    }
}
