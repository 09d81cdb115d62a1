//! [`Telemetry`]: what [`run`](crate::run) installs for the whole process.

use crate::telemetry::identity::Identity;
use crate::telemetry::log::{self, Beside};
#[cfg(feature = "otel")]
use crate::telemetry::otel::Export;

/// The log, and the export of spans; to be ended with the process.
#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    #[cfg(feature = "otel")]
    export: Option<Export>,
}

impl Telemetry {
    /// Installs both, unless the author has installed a subscriber.
    ///
    /// `identity` is absent where the settings cannot be used.
    pub(crate) fn install(identity: Option<&Identity>) -> Self {
        if tracing::dispatcher::has_been_set() {
            return Self::default();
        }
        #[cfg(feature = "otel")]
        let export = identity.map_or(Ok(None), Export::from_env);
        #[cfg(feature = "otel")]
        let beside: Option<Beside> = match &export {
            Ok(Some(export)) => Some(Box::new(export.layer())),
            _ => None,
        };
        #[cfg(not(feature = "otel"))]
        let beside: Option<Beside> = None;
        if !log::install(identity, beside) {
            return Self::default();
        }
        Self {
            #[cfg(feature = "otel")]
            export: export.unwrap_or_else(|problem| {
                tracing::warn!("spans are not exported: {problem}");
                None
            }),
        }
    }

    /// Sends what is to be sent before the process ends.
    pub(crate) async fn end(self) {
        #[cfg(feature = "otel")]
        if let Some(export) = self.export {
            export.end().await;
        }
    }
}
