//! [`Event`], [`EventDraft`] and [`EventBody`].

use std::time::SystemTime;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::number::oversized_integer;
use super::object::Map;
use crate::value::error::{ParseError, shortened};
use crate::value::id::PluginId;
use crate::value::path::covers;
use crate::value::rfc3339;

/// The version of CloudEvents that is written.
const SPEC_VERSION: &str = "1.0";
/// Longest explanation of a body that cannot be read, in bytes.
const MESSAGE: usize = 300;

/// Something that happened, as a CloudEvents 1.0 JSON event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Event {
    /// `1.0`.
    pub specversion: String,
    /// Unique among the events of its source; delivered again, it is the same event.
    pub id: String,
    /// Where it happened: `/plugins/<id>`, or a path below it.
    pub source: String,
    /// What happened, such as `motion` or `status`.
    pub r#type: String,
    /// When it happened, as RFC 3339 writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// What it happened to, within the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Media type of `data`; JSON when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacontenttype: Option<String>,
    /// More about it.
    #[serde(default)]
    pub data: Value,
    /// Extension attributes.
    #[serde(flatten)]
    pub extra: Map,
}

impl Event {
    /// Creates an event of a plugin, at this time.
    #[must_use]
    pub fn new(
        plugin: &PluginId,
        id: impl Into<String>,
        r#type: impl Into<String>,
        now: SystemTime,
        data: Value,
    ) -> Self {
        EventDraft::new(r#type)
            .with_data(data)
            .complete(plugin, id.into(), now)
    }
}

/// An event as a plugin sends it: only `type` is required, the host fills in the rest.
///
/// ```
/// use hap_manifest::{PluginId, wire::EventDraft};
///
/// let body = r#"{"type": "motion", "data": {"room": "hall"}}"#;
/// let draft: EventDraft = serde_json::from_str(body)?;
/// let now = std::time::SystemTime::UNIX_EPOCH;
/// let event = draft.complete(&PluginId::new("sensor")?, "e-1".to_owned(), now);
/// assert_eq!(event.source, "/plugins/sensor");
/// assert_eq!(event.time.as_deref(), Some("1970-01-01T00:00:00Z"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "An event as a plugin sends it: only `type` is required.")]
#[non_exhaustive]
pub struct EventDraft {
    /// Version of CloudEvents, if the sender knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub specversion: Option<String>,
    /// The sender's id of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What happened.
    pub r#type: String,
    /// When it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// What it happened to, within the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Media type of `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacontenttype: Option<String>,
    /// More about it.
    #[serde(default)]
    pub data: Value,
    /// Extension attributes.
    #[serde(flatten)]
    pub extra: Map,
}

impl EventDraft {
    /// Creates an event of this type and nothing else.
    #[must_use]
    pub fn new(r#type: impl Into<String>) -> Self {
        Self {
            specversion: None,
            id: None,
            source: None,
            r#type: r#type.into(),
            time: None,
            subject: None,
            datacontenttype: None,
            data: Value::Null,
            extra: Map::new(),
        }
    }

    /// Returns the same event with this data.
    #[must_use]
    pub fn with_data(self, data: Value) -> Self {
        Self { data, ..self }
    }

    /// Returns the same event with this subject.
    #[must_use]
    pub fn with_subject(self, subject: impl Into<String>) -> Self {
        Self {
            subject: Some(subject.into()),
            ..self
        }
    }

    /// Fills in what the sender left out.
    ///
    /// The sender's id stays, since repeated deliveries are known by it; `id` is for events without
    /// one. A time that is not RFC 3339 becomes `now`. The source becomes `/plugins/<id>` when it
    /// is absent, and also when it claims to be under `/plugins/` without being this plugin's.
    #[must_use]
    pub fn complete(self, plugin: &PluginId, id: String, now: SystemTime) -> Event {
        let own = format!("/plugins/{plugin}");
        let source = self.source.filter(|source| {
            let foreign = source.starts_with("/plugins/") && !covers(&own, source);
            !source.is_empty() && !foreign
        });
        let time = self
            .time
            .filter(|time| rfc3339::parse(time).is_ok())
            // Years beyond 9999 cannot be written; such an event goes without a time.
            .or_else(|| rfc3339::format(now));
        Event {
            specversion: SPEC_VERSION.to_owned(),
            id: self.id.filter(|id| !id.is_empty()).unwrap_or(id),
            source: source.unwrap_or(own),
            r#type: self.r#type,
            time,
            subject: self.subject,
            datacontenttype: self.datacontenttype,
            data: self.data,
            extra: self.extra,
        }
    }
}

impl From<Event> for EventDraft {
    fn from(event: Event) -> Self {
        Self {
            specversion: Some(event.specversion),
            id: Some(event.id),
            source: Some(event.source),
            r#type: event.r#type,
            time: event.time,
            subject: event.subject,
            datacontenttype: event.datacontenttype,
            data: event.data,
            extra: event.extra,
        }
    }
}

/// The body of a request to the platform's events endpoint: one event, or a batch.
///
/// ```
/// use hap_manifest::wire::EventBody;
///
/// let body = EventBody::from_slice(br#"[{"type": "motion"}, {"type": "dark"}]"#)?;
/// assert_eq!(body.into_drafts().len(), 2);
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventBody {
    /// A JSON object.
    One(EventDraft),
    /// A JSON array.
    Batch(Vec<EventDraft>),
}

impl EventBody {
    /// Reads a body. The caller bounds its size; nesting is bounded at 128 levels.
    ///
    /// # Errors
    /// Refuses what is not JSON, events without a `type`, and integers that 64 bits do not hold, which
    /// would lose their last digits.
    pub fn from_slice(body: &[u8]) -> Result<Self, ParseError> {
        if let Some(at) = oversized_integer(body) {
            let message = format!(
                "the integer at byte {at} has more digits than 64 bits hold and would lose its last ones: write it \
                 as a string"
            );
            return Err(ParseError::hidden("event", message));
        }
        let read = if body.trim_ascii_start().starts_with(b"[") {
            serde_json::from_slice(body).map(Self::Batch)
        } else {
            serde_json::from_slice(body).map(Self::One)
        };
        // The words of the parser may repeat a value, of any length.
        read.map_err(|error| ParseError::hidden("event", shortened(error.to_string(), MESSAGE)))
    }

    /// Returns the events in order.
    #[must_use]
    pub fn into_drafts(self) -> Vec<EventDraft> {
        match self {
            Self::One(draft) => vec![draft],
            Self::Batch(drafts) => drafts,
        }
    }
}
