//! The span of a request, as part of its caller's trace.

use axum::extract::Request;
use axum::response::Response;
use hap_manifest::TraceParent;
use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::telemetry::request_context::RequestContext;

/// Spans that a collector does not see: background tasks, which last as long as the process.
pub(super) const UNSEEN: [&str; 1] = ["hap_plugin::api::tasks"];

/// Begins the span of a request below that of its caller. What the plugin calls while it answers is
/// told of this one.
///
/// An endpoint gives it its name. Where nothing is exported it is the log's alone.
pub(crate) fn request_span(
    request_context: &mut RequestContext,
    request: &Request,
    is_endpoint: bool,
) -> Span {
    // Of the highest level, so that errors keep their request id when little is logged.
    let span = tracing::error_span!(
        "request",
        otel.name = tracing::field::Empty,
        otel.kind = tracing::field::Empty,
        request_id = request_context.request_id,
        trace_id = tracing::field::Empty
    );
    let parent = request_context
        .is_traced
        .then(|| remote(&request_context.trace))
        .flatten();
    // Without a caller's it stays below the span that the request comes in.
    let exported = match parent {
        Some(caller) => span.set_parent(Context::new().with_remote_span_context(caller)),
        None => span.set_parent(Span::current().context()),
    };
    if exported.is_ok() {
        export(&span, request_context, request, is_endpoint);
    }
    span.record("trace_id", request_context.trace.trace_id());
    span
}

fn export(span: &Span, request_context: &mut RequestContext, request: &Request, is_endpoint: bool) {
    let path = request.uri().path();
    if is_endpoint {
        span.record("otel.name", format!("{} {path}", request.method()));
    } else {
        // The paths of an author's routes may hold ids; a name that differs each time is no name.
        span.record("otel.name", request.method().as_str());
    }
    span.record("otel.kind", "server");
    if let Some(trace) = local(span) {
        request_context.trace = trace;
    }
    span.set_attribute("http.request.method", request.method().to_string());
    span.set_attribute("url.path", path.to_owned());
}

/// Records how the request of the current span was answered.
pub(crate) fn answered(response: &Response) {
    let status = response.status();
    let span = Span::current();
    span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.set_status(Status::error(status.to_string()));
    }
}

/// The caller's span.
fn remote(trace: &TraceParent) -> Option<SpanContext> {
    let flags = if trace.is_sampled() {
        TraceFlags::SAMPLED
    } else {
        TraceFlags::NOT_SAMPLED
    };
    Some(SpanContext::new(
        TraceId::from_hex(&trace.trace_id()).ok()?,
        SpanId::from_hex(&trace.span_id()).ok()?,
        flags,
        true,
        TraceState::NONE,
    ))
}

/// The span itself, as others are told of it; `None` where nothing is exported.
fn local(span: &Span) -> Option<TraceParent> {
    let context = span.context();
    let span = context.span();
    let seen = span.span_context();
    seen.is_valid().then(|| {
        TraceParent::new(
            seen.trace_id().to_bytes(),
            seen.span_id().to_bytes(),
            seen.is_sampled(),
        )
    })
}
