//! [`EventClient`].

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use hap_manifest::wire::Event;
use hap_manifest::{PluginId, TraceParent};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::events::draft::EventDraft;
use crate::events::error::EmitError;
use crate::events::outbox::Outbox;

/// Longest event, as JSON.
const MAX_EVENT: usize = 256 * 1024;
/// Longest type.
const MAX_TYPE: usize = 255;
/// Characters of the data of an event that a line of the log shows.
const MAX_SHOWN: usize = 4096;

/// Emits events to the platform. Cloning is cheap, and clones may live in background tasks.
///
/// A [`Context`](crate::Context) has the same methods. A client of its own is for code that needs
/// nothing else of it:
///
/// ```
/// use hap_plugin::{Context, EmitError, EventClient};
///
/// struct Button {
///     events: EventClient,
/// }
///
/// impl Button {
///     fn new(cx: &Context) -> Self {
///         Self { events: cx.events().clone() }
///     }
///
///     async fn pressed(&self, times: u32) -> Result<(), EmitError> {
///         self.events.emit("button.pressed", &times).await?;
///         Ok(())
///     }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct EventClient {
    plugin: Arc<PluginId>,
    // Without a platform there is no outbox.
    outbox: Option<Outbox>,
}

impl EventClient {
    pub(super) fn delivering(plugin: PluginId, outbox: Outbox) -> Self {
        Self {
            plugin: Arc::new(plugin),
            outbox: Some(outbox),
        }
    }

    pub(crate) fn logging(plugin: PluginId) -> Self {
        Self {
            plugin: Arc::new(plugin),
            outbox: None,
        }
    }

    /// Emits an event of this type and returns its id, as soon as it is accepted for delivery.
    ///
    /// Where the plugin has a data directory, accepted means written and synced to disk: it will
    /// reach the platform even if the process is killed right after. Otherwise it is kept in
    /// memory. Delivery is in order and at least once; the id tells repetitions. Without a platform
    /// the event is only logged.
    ///
    /// # Errors
    /// See [`EmitError`]. When the outbox is full new events are refused rather than old ones
    /// thrown away.
    ///
    /// # Cancel safety
    /// An event whose `emit` was dropped half way may be delivered or not.
    pub async fn emit<T: Serialize + ?Sized>(&self, r#type: &str, data: &T) -> Result<String, EmitError> {
        self.accept(EventDraft::named(r#type, data)?, None).await
    }

    /// Emits an event of the author's own type, an enum that names its variants on the wire, as
    /// [`emit`](Self::emit) does.
    ///
    /// The enum has `#[serde(tag = "type", content = "data")]`, and a `rename` where a type is not
    /// a variant's name:
    ///
    /// ```
    /// # use hap_plugin::{EmitError, EventClient};
    /// #[derive(serde::Serialize)]
    /// #[serde(tag = "type", content = "data")]
    /// enum Happened {
    ///     #[serde(rename = "bell.rung")]
    ///     Rung { times: u8 },
    ///     #[serde(rename = "bell.stuck")]
    ///     Stuck,
    /// }
    ///
    /// # async fn example(events: &EventClient) -> Result<(), EmitError> {
    /// events.emit_event(&Happened::Rung { times: 3 }).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`emit`](Self::emit); [`EmitError::Unnamed`] says which attribute the enum lacks.
    ///
    /// # Cancel safety
    /// As [`emit`](Self::emit).
    pub async fn emit_event<E: Serialize + ?Sized>(&self, event: &E) -> Result<String, EmitError> {
        self.accept(EventDraft::of(event)?, None).await
    }

    /// Emits an event of this type without waiting: for code that is not `async` or must not wait
    /// for the disk.
    ///
    /// The event takes its place in the order at once and is stored soon after. A process that is
    /// killed within these milliseconds loses it, and so does an outbox that turns out to be full:
    /// that is counted in `hap_events_dropped_total` and logged.
    ///
    /// # Errors
    /// See [`EmitError`]; [`EmitError::Full`] also when 256 events wait to be stored.
    pub fn try_emit<T: Serialize + ?Sized>(&self, r#type: &str, data: &T) -> Result<String, EmitError> {
        self.try_accept(EventDraft::named(r#type, data)?, None)
    }

    /// Emits an event of the author's own type, as [`emit_event`](Self::emit_event) has it, without
    /// waiting, as [`try_emit`](Self::try_emit) does.
    ///
    /// # Errors
    /// As both.
    pub fn try_emit_event<E: Serialize + ?Sized>(&self, event: &E) -> Result<String, EmitError> {
        self.try_accept(EventDraft::of(event)?, None)
    }

    pub(crate) async fn accept(
        &self,
        draft: EventDraft,
        trace: Option<TraceParent>,
    ) -> Result<String, EmitError> {
        let accepted = self.record(draft, trace)?;
        if let Some(outbox) = &self.outbox {
            outbox.append(accepted.record).await?;
        }
        Ok(accepted.id)
    }

    pub(crate) fn try_accept(
        &self,
        draft: EventDraft,
        trace: Option<TraceParent>,
    ) -> Result<String, EmitError> {
        let accepted = self.record(draft, trace)?;
        if let Some(outbox) = &self.outbox {
            outbox.try_append(accepted.record)?;
        }
        Ok(accepted.id)
    }

    /// The event as it is stored and sent. Without a platform it is logged here, which is all that
    /// becomes of it.
    fn record(&self, draft: EventDraft, trace: Option<TraceParent>) -> Result<Accepted, EmitError> {
        let EventDraft { r#type, data } = draft;
        let unfit = |c: char| c.is_whitespace() || c.is_control();
        if r#type.is_empty() || r#type.len() > MAX_TYPE || r#type.contains(unfit) {
            let found = r#type.chars().take(MAX_TYPE).collect();
            return Err(EmitError::InvalidType { found });
        }
        let id = Uuid::now_v7().to_string();
        let mut event = Event::new(&self.plugin, id.clone(), r#type.as_str(), SystemTime::now(), data);
        if let Some(trace) = trace {
            // The distributed tracing extension of CloudEvents.
            event
                .extra
                .insert(TraceParent::HEADER.to_owned(), trace.to_string().into());
        }
        let record = serde_json::to_vec(&event).map_err(|error| EmitError::Data(Arc::new(error)))?;
        if record.len() > MAX_EVENT {
            return Err(EmitError::TooLarge {
                bytes: record.len(),
                limit: MAX_EVENT,
            });
        }
        if self.outbox.is_none() {
            tracing::info!(
                event.r#type = r#type,
                event.id = %id,
                event.data = shown(&event.data),
                "event without a platform to send it to"
            );
        }
        Ok(Accepted {
            id,
            record: record.into(),
        })
    }
}

/// The data of an event for a line of the log, which has room for the beginning of long data.
fn shown(data: &Value) -> String {
    let text = data.to_string();
    let Some((end, _)) = text.char_indices().nth(MAX_SHOWN) else {
        return text;
    };
    format!("{}...", text.get(..end).unwrap_or_default())
}

/// An event ready to be stored.
struct Accepted {
    id: String,
    record: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone() -> EventClient {
        EventClient::logging(PluginId::new("lamp").unwrap())
    }

    #[tokio::test]
    async fn a_type_is_one_word() {
        for r#type in ["", "light changed", "a\nb", &"x".repeat(256)] {
            let refused = alone().emit(r#type, &()).await;
            assert!(matches!(refused, Err(EmitError::InvalidType { .. })), "{type:?}");
        }
        assert!(alone().emit("light.changed", &()).await.is_ok());
    }

    #[tokio::test]
    async fn an_event_has_at_most_256_kib() {
        assert!(alone().emit("a", &"x".repeat(255 * 1024)).await.is_ok());
        let refused = alone().emit("a", &"x".repeat(256 * 1024)).await;
        assert!(matches!(refused, Err(EmitError::TooLarge { .. })));
    }
}
