//! Logging: what [`run`](crate::run) installs, and how errors are written.

use std::error::Error;
use std::io::{IsTerminal as _, stdout};
use std::str::FromStr as _;

use tracing::Level;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
#[cfg(not(feature = "otel"))]
use tracing_subscriber::layer::Identity;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::settings::Settings;
use crate::telemetry::log::line::JsonLine;
use crate::telemetry::log::output::Output;
use crate::telemetry::log::span_fields::SpanFields;

/// The message of an error and of all its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// What is installed, to be ended with the process.
#[derive(Debug, Default)]
pub(crate) struct Log {
    #[cfg(feature = "otel")]
    telemetry: Option<crate::telemetry::otel::Telemetry>,
}

impl Log {
    /// Logs to standard output, unless the author has installed a subscriber: one JSON object a line, and text for
    /// people on a terminal.
    ///
    /// `RUST_LOG` chooses levels (`debug`, `my_plugin=debug,hyper=off`); `info` without it, and `warn` for what it does
    /// not name. `settings` are absent where they cannot be used.
    pub(crate) fn install(settings: Option<&Settings>) -> Self {
        if tracing::dispatcher::has_been_set() {
            return Self::default();
        }
        let wanted = std::env::var("RUST_LOG")
            .ok()
            .filter(|text| !text.trim().is_empty());
        let (filter, wrong) = match wanted.as_deref().map(Targets::from_str) {
            None => (default_filter(), None),
            // A filter that names targets alone would hide what goes wrong everywhere else.
            Some(Ok(filter)) if filter.default_level().is_none() => (filter.with_default(Level::WARN), None),
            Some(Ok(filter)) => (filter, None),
            Some(Err(error)) => (default_filter(), Some(error)),
        };
        let redactor = settings
            .map(|settings| settings.redactor.clone())
            .unwrap_or_default();
        #[cfg(feature = "otel")]
        let telemetry = settings.map_or(Ok(None), crate::telemetry::otel::Telemetry::from_env);
        #[cfg(feature = "otel")]
        let exported = telemetry
            .as_ref()
            .ok()
            .and_then(|telemetry| telemetry.as_ref().map(crate::telemetry::otel::Telemetry::layer));
        #[cfg(not(feature = "otel"))]
        let exported = None::<Identity>;

        let layer = tracing_subscriber::fmt::layer().with_writer(Output::new(stdout(), redactor));
        let layer = if stdout().is_terminal() {
            layer.boxed()
        } else {
            let plugin_id = settings.map(|settings| settings.id.to_string());
            let line = JsonLine { plugin_id };
            layer.fmt_fields(SpanFields).event_format(line).boxed()
        };
        let registry = tracing_subscriber::registry();
        let installed = if exported.is_some() {
            // What is exported does not depend on what is logged, and needs every span.
            registry.with(layer.with_filter(filter)).with(exported).try_init()
        } else {
            registry.with(layer).with(filter).try_init()
        };
        if installed.is_err() {
            return Self::default();
        }
        log_panics();
        if let Some(error) = wrong {
            tracing::warn!(%error, "RUST_LOG={:?} is not understood; info is logged", wanted.unwrap_or_default());
        }
        Self {
            #[cfg(feature = "otel")]
            telemetry: telemetry.unwrap_or_else(|problem| {
                tracing::warn!("spans are not exported: {problem}");
                None
            }),
        }
    }

    /// Sends what is to be sent before the process ends.
    pub(crate) async fn end(self) {
        #[cfg(feature = "otel")]
        if let Some(telemetry) = self.telemetry {
            telemetry.end().await;
        }
    }
}

fn default_filter() -> Targets {
    Targets::new().with_default(Level::INFO)
}

/// Puts panics into the log instead of loose text on standard error.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(
            place,
            "panicked: {}",
            panic.payload_as_str().unwrap_or("without a message")
        );
    }));
}
