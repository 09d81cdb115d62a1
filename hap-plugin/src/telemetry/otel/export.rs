//! Spans for an OpenTelemetry collector: feature `otel`.
//!
//! What is exported are the spans that `tracing` sees: one for each request, and those of the
//! author within it.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use crate::telemetry::chain::chain;
use crate::telemetry::identity::Identity;
use crate::telemetry::otel::client::Client;
use crate::telemetry::otel::exporter::CleanExporter;
use crate::telemetry::otel::request::UNSEEN;
use crate::telemetry::redactor::Redactor;

/// Name of whoever makes the spans.
const SCOPE: &str = "hap-plugin";
/// Where the collector is; the first that is set counts.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];
/// How spans are written; the first that is set counts.
const PROTOCOLS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
];
/// What collectors are shown, often a key.
const HEADERS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];
/// Longest time for the last spans when the process ends.
const FLUSH: Duration = Duration::from_millis(500);

/// The export of spans.
#[derive(Debug)]
pub(crate) struct Export {
    provider: SdkTracerProvider,
}

impl Export {
    /// Sets up what the environment asks for; `None` where it names no collector.
    ///
    /// # Errors
    /// Says what of it cannot be used. The plugin goes on without an export.
    pub(crate) fn from_env(identity: &Identity) -> Result<Option<Self>, String> {
        let Some((name, endpoint)) = ENDPOINTS.iter().find_map(|name| Some((name, variable(name)?))) else {
            return Ok(None);
        };
        if variable("OTEL_SDK_DISABLED").is_some_and(|disabled| disabled.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        // Not the address: it may hold a password.
        if !endpoint.starts_with("http://") {
            return Err(format!(
                "{name}: it is not an http:// address; name a collector on the plugin's own network, such as \
                 http://collector:4318, which passes the spans on"
            ));
        }
        keep_headers_secret(&identity.redactor);
        let unusable = |error: &dyn std::error::Error| format!("{name}: {}", chain(error));
        // It reads the endpoint, the headers and the timeout from the environment by itself.
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client::new())
            .with_protocol(protocol()?)
            .build()
            .map_err(|error| unusable(&error))?;
        let provider = SdkTracerProvider::builder()
            .with_resource(resource(identity))
            .with_batch_exporter(CleanExporter::new(exporter, identity.redactor.clone()))
            .build();
        Ok(Some(Self { provider }))
    }

    /// The layer that makes spans of what `tracing` sees: of level `INFO` and above, whatever is
    /// logged.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let seen = Targets::new()
            .with_default(Level::INFO)
            .with_targets(UNSEEN.map(|target| (target, LevelFilter::OFF)));
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(SCOPE))
            .with_location(false)
            .with_threads(false)
            .with_filter(seen)
    }

    /// Sends the last spans, as far as that is possible in little time.
    pub(crate) async fn end(self) {
        // It blocks its thread.
        let ended = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(FLUSH)).await;
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last spans were not exported"),
            Err(error) => tracing::warn!(%error, "the last spans were not exported"),
        }
    }
}

/// How spans are written.
fn protocol() -> Result<Protocol, String> {
    let Some((name, wanted)) = PROTOCOLS.iter().find_map(|name| Some((name, variable(name)?))) else {
        return Ok(Protocol::HttpBinary);
    };
    match wanted.trim() {
        "http/protobuf" => Ok(Protocol::HttpBinary),
        "http/json" => Ok(Protocol::HttpJson),
        _ => Err(format!(
            "{name}={wanted:?}: it is neither http/protobuf nor http/json; set one of them, and the collector's port \
             for HTTP, which is usually 4318"
        )),
    }
}

/// Who the spans are of, with what the environment says itself.
fn resource(identity: &Identity) -> Resource {
    let resource =
        Resource::builder().with_attribute(KeyValue::new("service.version", identity.version.clone()));
    if variable("OTEL_SERVICE_NAME").is_some() {
        resource.build()
    } else {
        resource.with_service_name(identity.plugin_id.clone()).build()
    }
}

/// The values of `name=value,name=value`.
fn keep_headers_secret(redactor: &Redactor) {
    for headers in HEADERS.iter().filter_map(|name| variable(name)) {
        for (_, value) in headers.split(',').filter_map(|header| header.split_once('=')) {
            redactor.always(value.trim());
            let decoded = percent_encoding::percent_decode_str(value.trim()).decode_utf8_lossy();
            redactor.always(&decoded);
        }
    }
}

/// A variable's text; an empty one counts as absent.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.trim().is_empty())
}
