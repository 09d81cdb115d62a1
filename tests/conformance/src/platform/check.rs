//! What the protocol says of a request with events.

use std::time::SystemTime;

use hap_manifest::{
    PluginId, rfc3339, webhook,
    webhook::VerifyError,
    wire::{Event, EventBody, EventDraft},
};

use super::{
    delivery::{Problem, Proof},
    shared::Shared,
};
use crate::http::Head;

/// What the ids begin with that events without one are given.
pub(crate) const UNNAMED: &str = "unnamed-";

const MOST_EVENT: usize = 256 * 1024;
const MOST_EVENTS: usize = 500;
const TYPES: [&str; 3] = [
    "application/json",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
];

/// What is wrong with a request, and what could be read of it all the same.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) proof: Proof,
    pub(super) problems: Vec<Problem>,
    pub(super) events: Vec<Event>,
}

struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, sentence: &'static str, (status, code): (u16, &'static str), text: impl Into<String>) {
        self.0.push(Problem {
            sentence,
            text: text.into(),
            status,
            code,
        });
    }
}

const INVALID: (u16, &str) = (400, "invalid_event");
const UNSUPPORTED: (u16, &str) = (415, "unsupported_media_type");
const UNAUTHORIZED: (u16, &str) = (401, "unauthorized");

pub(super) fn check(shared: &Shared, head: &Head, body: &[u8], now: SystemTime) -> Checked {
    let mut problems = Problems(Vec::new());
    let (proof, message) = prove(shared, head, body, now, &mut problems);
    if let Some(kind) = head.header("content-type") {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !TYPES.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
            problems.add("P-EVENT-6", UNSUPPORTED, format!("its content type is {kind:?}"));
        }
    }
    if let Some(name) = head
        .names()
        .find(|name| name.to_ascii_lowercase().starts_with("ce-"))
    {
        problems.add(
            "P-EVENT-7",
            UNSUPPORTED,
            format!("it has the header {name:?} of the binary mode"),
        );
    }
    if head
        .header("content-encoding")
        .is_some_and(|encoding| encoding != "identity")
    {
        problems.add("P-EVENT-8", UNSUPPORTED, "its body is compressed");
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let events = match EventBody::from_slice(body) {
        Ok(body) => complete(body, &shared.plugin, message.as_deref(), now, &mut problems),
        Err(error) => {
            let text = format!("its body is neither an event nor an array of events: {error}");
            problems.add("P-EVENT-2", INVALID, text);
            Vec::new()
        }
    };
    Checked {
        proof,
        problems: problems.0,
        events,
    }
}

/// How the request proves who sent it, and the id that it is signed under.
fn prove(
    shared: &Shared,
    head: &Head,
    body: &[u8],
    now: SystemTime,
    problems: &mut Problems,
) -> (Proof, Option<String>) {
    let text = |name| head.header(name).unwrap_or_default();
    if head
        .names()
        .any(|name| name.eq_ignore_ascii_case(webhook::SIGNATURE_HEADER))
    {
        let secrets = [shared.secret.clone()];
        let (id, timestamp) = (text(webhook::ID_HEADER), text(webhook::TIMESTAMP_HEADER));
        let signature = text(webhook::SIGNATURE_HEADER);
        return match webhook::verify(&secrets, id, timestamp, signature, body, now) {
            Ok(()) => (Proof::Signature, Some(id.to_owned())),
            Err(error) => {
                let sentence = match error {
                    VerifyError::MissingOrBadId => "P-PROOF-8",
                    VerifyError::TooOld | VerifyError::TooNew => "P-PROOF-7",
                    VerifyError::NoMatch => "P-PROOF-4",
                    _ => "P-PROOF-3",
                };
                let code = if sentence == "P-PROOF-7" {
                    (401, "stale_timestamp")
                } else {
                    UNAUTHORIZED
                };
                problems.add(sentence, code, format!("its signature does not fit: {error}"));
                (Proof::None, None)
            }
        };
    }
    let token = text("authorization").split_once(' ');
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match token {
        Some((_, token)) if shared.token.matches(token.trim()) => (Proof::Token, None),
        Some(_) => {
            problems.add(
                "P-PROOF-1",
                UNAUTHORIZED,
                "its token is not that of HAP_API_TOKEN",
            );
            (Proof::None, None)
        }
        None => {
            problems.add("P-PROOF-1", UNAUTHORIZED, "it is not signed and carries no token");
            (Proof::None, None)
        }
    }
}

fn complete(
    body: EventBody,
    plugin: &PluginId,
    message: Option<&str>,
    now: SystemTime,
    problems: &mut Problems,
) -> Vec<Event> {
    let is_batch = matches!(body, EventBody::Batch(_));
    let drafts = body.into_drafts();
    if drafts.len() > MOST_EVENTS {
        let text = format!("its batch has {} events", drafts.len());
        problems.add("P-EVENT-4", (413, "batch_too_large"), text);
    }
    let mut events = Vec::new();
    for (index, draft) in drafts.into_iter().enumerate() {
        fields(&draft, plugin, problems);
        let id = match message {
            Some(message) if is_batch => format!("{message}.{index}"),
            Some(message) => message.to_owned(),
            None => format!("{UNNAMED}{:016x}", fastrand::u64(..)),
        };
        events.push(draft.complete(plugin, id, now));
    }
    events
}

fn fields(draft: &EventDraft, plugin: &PluginId, problems: &mut Problems) {
    let optional = |field: &Option<String>| field.as_ref().map(String::len);
    for (sentence, name, length, most) in [
        ("P-FIELD-1", "type", Some(draft.r#type.len()), 256),
        ("P-FIELD-2", "id", optional(&draft.id), 256),
        ("P-FIELD-3", "source", optional(&draft.source), 1024),
        ("P-FIELD-3", "subject", optional(&draft.subject), 1024),
    ] {
        if let Some(length) = length.filter(|length| *length > most) {
            let text = format!("an event's {name:?} has {length} bytes, at most {most} are taken");
            problems.add(sentence, INVALID, text);
        }
    }
    if draft.r#type.is_empty() {
        problems.add("P-FIELD-1", INVALID, "an event's \"type\" is empty");
    }
    if draft
        .specversion
        .as_ref()
        .is_some_and(|version| !version.starts_with("1."))
    {
        problems.add("P-FIELD-4", INVALID, "an event's \"specversion\" is not 1.0");
    }
    if let Some(time) = draft.time.as_deref().filter(|time| rfc3339::parse(time).is_err()) {
        let text = format!("an event's \"time\" is {time:?}, which is not as RFC 3339 has it");
        problems.add("P-FIELD-8", INVALID, text);
    }
    if let Some(source) = draft
        .source
        .as_deref()
        .filter(|source| is_foreign(source, plugin))
    {
        let text = format!("an event's \"source\" is {source:?}, which names another plugin than {plugin}");
        problems.add("P-FIELD-7", (403, "foreign_source"), text);
    }
    let bytes = serde_json::to_vec(draft).map_or(0, |text| text.len());
    if bytes > MOST_EVENT {
        let text = format!("an event has {bytes} bytes, at most {MOST_EVENT} are taken");
        problems.add("P-FIELD-11", (413, "event_too_large"), text);
    }
}

fn is_foreign(source: &str, plugin: &PluginId) -> bool {
    let source = source.replace('\\', "/").replace("%2F", "/").replace("%2f", "/");
    let source = source.replace("%2E", ".").replace("%2e", ".");
    let mut named = source.split("/plugins/").skip(1).peekable();
    let is_under_plugins = named.peek().is_some();
    let has_dots = source
        .split(['/', '?', '#'])
        .any(|segment| matches!(segment, "." | ".."));
    (is_under_plugins && has_dots)
        || named.any(|rest| rest.split(['/', '?', '#']).next() != Some(plugin.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_judged_as_by_the_platform() {
        let light: PluginId = "light".parse().unwrap();
        for own in [
            "/plugins/light",
            "/plugins/light/1",
            "urn:lamp:1",
            "/lamps/../7",
            "",
        ] {
            assert!(!is_foreign(own, &light), "{own}");
        }
        for foreign in [
            "/plugins/lock",
            "http://host/plugins/lock",
            "/plugins/light/../lock",
            "/plugins/light/%2e%2E/lock",
            "/plugins%2Flock",
            "/plugins\\lock",
        ] {
            assert!(is_foreign(foreign, &light), "{foreign}");
        }
    }
}
