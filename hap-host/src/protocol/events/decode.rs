//! From the bytes of a request to events that may be stored.

use std::time::SystemTime;

use axum::http::StatusCode;
use hap_manifest::{
    PluginId, TraceParent, rfc3339, webhook,
    wire::{Event, EventBody, EventDraft},
};
use serde_json::json;
use uuid::Uuid;

use super::{rejection::Refusal, validate};

/// Bytes of an event's id and type, which are indexed.
const MOST_NAME: usize = 256;
/// Bytes of an event's source and subject.
const MOST_PATH: usize = 1024;

/// Longest id of a message that is an event's id as it is, in bytes: with an index behind it, it is
/// shorter than [`MOST_NAME`].
const MOST_MESSAGE: usize = 128;

/// Reads, checks and completes the events of a body: all or none. `message` is the id that a signed
/// body came under and `trace` the trace of its request, each for events that name none themselves.
pub(super) fn events(
    plugin: &PluginId,
    body: &[u8],
    message: Option<&str>,
    trace: Option<TraceParent>,
    now: SystemTime,
) -> Result<Vec<Event>, Refusal> {
    // RFC 8259, section 8.1, lets a reader pass over a byte order mark.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    validate::check(body)?;
    let body = EventBody::from_slice(body).map_err(|error| {
        // The parser's words name a line and a key and never quote a value.
        Refusal::bad(
            "invalid_event",
            format!("the body is neither an event nor an array of events: {error}"),
        )
    })?;
    let batch = matches!(body, EventBody::Batch(_));
    body.into_drafts()
        .into_iter()
        .enumerate()
        .map(|(index, draft)| {
            check(plugin, &draft).map_err(|refusal| refusal.details(json!({ "index": index })))?;
            let id = match message {
                Some(message) => id_of(message, batch.then_some(index)),
                None => Uuid::now_v7().to_string(),
            };
            let mut event = draft.complete(plugin, id, now);
            if let Some(trace) = trace {
                let name = TraceParent::HEADER.to_owned();
                event
                    .extra
                    .entry(name)
                    .or_insert_with(|| trace.to_string().into());
            }
            Ok(event)
        })
        .collect()
}

/// The id of an event that has none of its own: sent again under the same message it is the same
/// event. No message's id ends in a dot and a number, so that of a batch's event is no other's.
fn id_of(message: &str, index: Option<usize>) -> String {
    let message = if message.len() > MOST_MESSAGE {
        webhook::message_id(message)
    } else {
        message.into()
    };
    match index {
        Some(index) => format!("{message}.{index}"),
        None => message.into_owned(),
    }
}

fn check(plugin: &PluginId, draft: &EventDraft) -> Result<(), Refusal> {
    if draft.r#type.is_empty() {
        return Err(Refusal::bad("invalid_event", "the event's \"type\" is empty"));
    }
    if let Some(version) = &draft.specversion
        && !version.starts_with("1.")
    {
        return Err(Refusal::bad(
            "invalid_event",
            "the event's \"specversion\" is not 1.0",
        ));
    }
    for (name, value, most) in [
        ("type", Some(&draft.r#type), MOST_NAME),
        ("id", draft.id.as_ref(), MOST_NAME),
        ("source", draft.source.as_ref(), MOST_PATH),
        ("subject", draft.subject.as_ref(), MOST_PATH),
    ] {
        if let Some(bytes) = value.map(String::len).filter(|bytes| *bytes > most) {
            return Err(Refusal::bad(
                "invalid_event",
                format!("the event's \"{name}\" has {bytes} bytes, at most {most} are taken"),
            ));
        }
    }
    if draft
        .time
        .as_deref()
        .is_some_and(|time| rfc3339::parse(time).is_err())
    {
        return Err(Refusal::bad(
            "invalid_event",
            "the event's \"time\" is not as RFC 3339 has it: write date, time with seconds, and Z or an offset, \
             such as 2026-01-31T08:00:00Z, or leave it out",
        ));
    }
    if draft
        .source
        .as_deref()
        .is_some_and(|source| names_another(source, plugin))
    {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "foreign_source",
            format!("the event's \"source\" names another plugin; that of this one is /plugins/{plugin}"),
        ));
    }
    Ok(())
}

/// Whether a source, be it a path or a whole URL, goes through a plugin that is not this one. One
/// that leads elsewhere once its dots are resolved is such, however it is written.
fn names_another(source: &str, plugin: &PluginId) -> bool {
    let source = percent_decoded(source).replace('\\', "/");
    let mut named = source.split("/plugins/").skip(1).peekable();
    let is_under_plugins = named.peek().is_some();
    let mut segments = source.split(['/', '?', '#']);
    let has_dots = segments.any(|segment| matches!(segment, "." | ".."));
    (is_under_plugins && has_dots)
        || named.any(|rest| rest.split(['/', '?', '#']).next() != Some(plugin.as_str()))
}

/// The text with its percent-encoded ASCII as it is read; the rest does not matter here.
fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(u8::is_ascii) {
            Some(byte) => {
                decoded.push(char::from(byte));
                decoded.push_str(part.get(2..).unwrap_or_default());
            }
            None => {
                decoded.push('%');
                decoded.push_str(part);
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn light() -> PluginId {
        PluginId::new("light").unwrap()
    }

    fn read(body: &str) -> Result<Vec<Event>, Refusal> {
        events(&light(), body.as_bytes(), None, None, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn a_short_event_is_completed() {
        let events = read(r#"{"type":"motion","data":{"room":"hall"},"device":"d1"}"#).unwrap();
        let [event] = &events[..] else {
            panic!("one event expected")
        };
        assert_eq!(event.source, "/plugins/light");
        assert_eq!(event.specversion, "1.0");
        assert_eq!(event.time.as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(event.data, json!({"room": "hall"}));
        assert_eq!(event.extra["device"], "d1");
        assert_eq!(Uuid::parse_str(&event.id).unwrap().get_version_num(), 7);
    }

    #[test]
    fn an_id_that_is_there_stays_and_events_without_one_get_their_own() {
        let events = read(r#"[{"type":"a","id":"7"},{"type":"a"},{"type":"a"}]"#).unwrap();
        assert_eq!(events[0].id, "7");
        assert_ne!(events[1].id, events[2].id);
    }

    #[test]
    fn an_event_without_an_id_has_that_of_the_message_it_came_in() {
        let read = |message: &str, body: &str| {
            let (now, body) = (SystemTime::UNIX_EPOCH, body.as_bytes());
            events(&light(), body, Some(message), None, now).unwrap()
        };
        assert_eq!(read("m1", r#"{"type":"a"}"#)[0].id, "m1");
        assert_eq!(read("m1", r#"{"type":"a","id":"7"}"#)[0].id, "7");
        let batch = read("m1", r#"[{"type":"a"},{"type":"a","id":"7"},{"type":"a"}]"#);
        let ids: Vec<_> = batch.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(ids, ["m1.0", "7", "m1.2"]);
        let long = "x".repeat(5_000);
        let batch = read(&long, r#"[{"type":"a"},{"type":"a"}]"#);
        assert!(batch.iter().all(|event| event.id.len() < 100), "{batch:?}");
        assert_ne!(batch[0].id, batch[1].id);
        assert_eq!(batch[0].id, read(&long, r#"[{"type":"a"}]"#)[0].id);
    }

    #[test]
    fn a_source_may_be_ours_or_free_but_not_another_plugins() {
        for source in [
            "/plugins/light",
            "/plugins/light/lamp/1",
            "urn:lamp:1",
            "light",
            "/lamps/plugins",
            "/plugins/light/v1.2/...",
            "/lamps/../7",
            "/plugins/light/50%",
            "",
        ] {
            read(&json!({"type": "a", "source": source}).to_string()).unwrap();
        }
        for source in [
            "/plugins/lock",
            "/plugins/",
            "/plugins/light2",
            "/plugins/LIGHT",
            "/plugins/lock/light",
            "http://host/plugins/lock",
            "/plugins/light/../plugins/lock",
            "//plugins/lock",
            "/plugins/lock/plugins/light",
            "/plugins/light/../lock",
            "/plugins/light/..",
            "/plugins/light/./../lock?x",
            "/plugins/light/%2e%2E/lock",
            "/plugins/light%2F..%2Flock",
            "/plugins%2Flock",
            "/plugins/light\\..\\lock",
            "http://host/plugins/light/../lock",
        ] {
            let refusal = read(&json!({"type": "a", "source": source}).to_string()).unwrap_err();
            assert_eq!(refusal.code(), "foreign_source", "{source}");
        }
    }

    #[test]
    fn one_bad_event_refuses_the_batch_and_is_named() {
        for bad in [
            json!({"type": ""}),
            json!({"type": "x".repeat(257)}),
            json!({"type": "a", "id": "x".repeat(257)}),
            json!({"type": "a", "subject": "x".repeat(1025)}),
            json!({"type": "a", "specversion": "0.3"}),
            json!({"type": "a", "time": "2026-01-31T08:00:00"}),
            json!({"type": "a", "time": "2026-01-31T08:00Z"}),
            json!({"type": "a", "time": "yesterday"}),
            json!({"type": "a", "time": ""}),
        ] {
            let refusal = read(&json!([{"type": "a"}, bad]).to_string()).unwrap_err();
            assert_eq!(refusal.code(), "invalid_event");
            assert!(
                format!("{refusal:?}").contains("\"index\": Number(1)"),
                "{refusal:?}"
            );
        }
    }

    #[test]
    fn what_is_no_event_is_refused_without_quoting_it() {
        for body in [
            "",
            "null",
            "7",
            "\"hunter2\"",
            "{}",
            "[{}]",
            "[[]]",
            r#"{"type":7}"#,
            "{\"type\":\"a\"",
            "\u{feff}{}",
        ] {
            let refusal = read(body).unwrap_err();
            assert_eq!(refusal.code(), "invalid_event", "{body}");
        }
        let refusal = read(r#"{"type":["hunter2"]}"#).unwrap_err();
        assert!(!format!("{refusal:?}").contains("hunter2"), "{refusal:?}");
        assert!(read("[]").unwrap().is_empty());
    }
}
