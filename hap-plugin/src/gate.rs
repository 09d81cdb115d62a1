//! [`Gate`]: what every request passes before its handler.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hap_manifest::ApiToken;
use http::{HeaderMap, HeaderValue, header};
use tracing::Instrument as _;

use crate::Fault;
use crate::origin::{Origin, REQUEST_ID};
use crate::refusal::Refusal;

/// Checks the token, and gives the request its id, which comes back in the answer.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) token: Option<ApiToken>,
}

pub(crate) async fn pass(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let origin = Arc::new(Origin::of(request.headers()));
    let trace_id = origin
        .trace
        .map(|trace| tracing::field::display(trace.trace_id()));
    // Of the highest level, so that errors keep their request id when little is logged.
    let span = tracing::error_span!("request", request_id = %origin.request_id, trace_id);
    let id = HeaderValue::from_str(&origin.request_id);
    // Whoever watches over the plugin need not be able to command it.
    let open = request.uri().path() == "/health";
    let mut response = if open || gate.admits(request.headers()) {
        request.extensions_mut().insert(origin);
        next.run(request).instrument(span).await
    } else {
        span.in_scope(|| tracing::warn!(path = request.uri().path(), "a request without the right token"));
        Refusal(Fault::new(
            401,
            "unauthorized",
            "a valid token is needed: `authorization: Bearer <token>`",
        ))
        .into_response()
    };
    if let Ok(id) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

impl Gate {
    fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let presented = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let presented = presented.and_then(|value| value.split_once(' '));
        presented.is_some_and(|(scheme, presented)| {
            scheme.eq_ignore_ascii_case("bearer") && token.matches(presented.trim())
        })
    }
}
