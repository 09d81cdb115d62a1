//! The subscriber that writes the log.

use std::io::{IsTerminal as _, stdout};
use std::str::FromStr as _;

use tracing::{Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry};

use crate::telemetry::identity::Identity;
use crate::telemetry::log::line::JsonLine;
use crate::telemetry::log::output::Output;
use crate::telemetry::log::span_fields::SpanFields;

/// What else hears of spans and lines.
pub(crate) type Beside = Box<dyn Layer<Registry> + Send + Sync>;

/// Logs to standard output: one JSON object a line, and text for people on a terminal. Whether it
/// could be installed.
///
/// `RUST_LOG` chooses levels (`debug`, `my_plugin=debug,hyper=off`); `info` without it, and `warn`
/// for what it does not name.
pub(crate) fn install(identity: Option<&Identity>, beside: Option<Beside>) -> bool {
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
    let registry = tracing_subscriber::registry();
    let installed = match beside {
        // What goes there does not depend on what is logged, and needs every span.
        Some(beside) => registry
            .with(beside)
            .with(lines(identity).with_filter(filter))
            .try_init(),
        None => registry.with(lines(identity)).with(filter).try_init(),
    };
    if installed.is_err() {
        return false;
    }
    log_panics();
    if let Some(error) = wrong {
        tracing::warn!(%error, "RUST_LOG={:?} is not understood; info is logged", wanted.unwrap_or_default());
    }
    true
}

fn lines<S>(identity: Option<&Identity>) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let redactor = identity.map(|identity| identity.redactor.clone());
    let output = Output::new(stdout(), redactor.unwrap_or_default());
    let layer = tracing_subscriber::fmt::layer().with_writer(output);
    if stdout().is_terminal() {
        return layer.boxed();
    }
    let plugin_id = identity.map(|identity| identity.plugin_id.clone());
    layer
        .fmt_fields(SpanFields)
        .event_format(JsonLine { plugin_id })
        .boxed()
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
