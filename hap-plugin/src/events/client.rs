//! [`EventClient`].

use std::sync::Arc;

use bytes::Bytes;
use hap_manifest::wire::Event;
use hap_manifest::{PluginId, TraceParent};
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::EmitError;
use super::outbox::Outbox;

/// Longest event, as JSON.
const MAX_EVENT: usize = 256 * 1024;
/// Longest type.
const MAX_TYPE: usize = 255;

/// Emits events to the platform. Cloning is cheap, and clones may live in background tasks.
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
    /// Where the plugin has a data directory, accepted means written and synced to disk: it will reach the
    /// platform even if the process is killed right after. Otherwise it is kept in memory. Delivery is in order
    /// and at least once; the id tells repetitions. Without a platform the event is only logged.
    ///
    /// # Errors
    /// See [`EmitError`]. When the outbox is full new events are refused rather than old ones thrown away.
    ///
    /// # Cancel safety
    /// An event whose `emit` was dropped half way may be delivered or not.
    pub async fn emit<T: Serialize + ?Sized>(&self, r#type: &str, data: &T) -> Result<String, EmitError> {
        self.emit_traced(r#type, data, None).await
    }

    pub(crate) async fn emit_traced<T: Serialize + ?Sized>(
        &self,
        r#type: &str,
        data: &T,
        trace: Option<TraceParent>,
    ) -> Result<String, EmitError> {
        let data = serde_json::to_value(data).map_err(|error| EmitError::Data(Arc::new(error)))?;
        self.accept(r#type, data, trace).await
    }

    async fn accept(
        &self,
        r#type: &str,
        data: serde_json::Value,
        trace: Option<TraceParent>,
    ) -> Result<String, EmitError> {
        let unfit = |c: char| c.is_whitespace() || c.is_control();
        if r#type.is_empty() || r#type.len() > MAX_TYPE || r#type.contains(unfit) {
            let found = r#type.chars().take(MAX_TYPE).collect();
            return Err(EmitError::InvalidType { found });
        }
        let id = Uuid::now_v7().to_string();
        let mut event = Event::new(&self.plugin, id.clone(), r#type, OffsetDateTime::now_utc(), data);
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
        match &self.outbox {
            Some(outbox) => outbox.append(Bytes::from(record)).await?,
            None => {
                tracing::info!(event.r#type = r#type, event.id = %id, "event without a platform to send it to")
            }
        }
        Ok(id)
    }
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
