//! [`Identity`]: who log lines and spans come from.

use crate::telemetry::redactor::Redactor;

/// A plugin as its log and its spans name it, and what they must not show.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) plugin_id: String,
    #[cfg(feature = "otel")]
    pub(crate) version: String,
    pub(crate) redactor: Redactor,
}
