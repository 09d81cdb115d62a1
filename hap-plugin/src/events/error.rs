//! [`EmitError`].

use std::error::Error;
use std::io;
use std::sync::Arc;

/// Says why an event was not accepted. It will not be delivered.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The type is empty, longer than 255 bytes, or has spaces or control characters.
    #[error("{found:?} is not an event type: 1 to 255 bytes without spaces, such as \"light.changed\"")]
    #[non_exhaustive]
    InvalidType {
        /// The type given.
        found: String,
    },
    /// The event of [`emit_event`](crate::EventClient::emit_event) does not name its type on the
    /// wire.
    #[error(
        "the event type `{type_name}` does not name its events on the wire: it lacks `{lacks}`; \
         add #[serde(tag = \"type\", content = \"data\")] to the enum"
    )]
    #[non_exhaustive]
    Unnamed {
        /// The type of the event, as Rust calls it.
        type_name: &'static str,
        /// What its attribute lacks.
        lacks: &'static str,
    },
    /// The data cannot be written as JSON.
    #[error("the event's data cannot be written as JSON")]
    Data(#[source] Arc<dyn Error + Send + Sync>),
    /// The event is too long for the platform.
    #[error("the event has {bytes} bytes, at most {limit} are allowed")]
    #[non_exhaustive]
    TooLarge {
        /// Length of the whole event as JSON.
        bytes: usize,
        /// Longest allowed.
        limit: usize,
    },
    /// Too many events wait for the platform.
    #[error("the outbox is full: {pending} events wait for the platform")]
    #[non_exhaustive]
    Full {
        /// How many wait.
        pending: usize,
    },
    /// The event could not be written to the data directory.
    #[error("the event could not be stored")]
    Storage(#[source] Arc<io::Error>),
    /// The plugin has stopped.
    #[error("the plugin has stopped")]
    Closed,
}
