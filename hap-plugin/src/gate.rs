//! What every request passes before its handler.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hap_manifest::ApiToken;
use http::{HeaderMap, HeaderValue, header};
use tracing::Instrument as _;

use crate::Fault;
use crate::guard::caught;
use crate::origin::{Origin, REQUEST_ID};
#[cfg(feature = "otel")]
use crate::otel::request_span;

/// Checks the token.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) token: Option<ApiToken>,
}

/// Gives a request its id, which comes back in the answer, and its span; what panics on the way is answered.
pub(crate) async fn pass(mut request: Request, next: Next) -> Response {
    let mut origin = Origin::of(request.headers());
    let span = request_span(&mut origin, &request);
    let origin = Arc::new(origin);
    let id = HeaderValue::from_str(&origin.request_id);
    request.extensions_mut().insert(origin);
    let answer = async {
        let answered = caught(async { Ok(next.run(request).await) }).await;
        let response = answered.unwrap_or_else(Fault::into_response);
        #[cfg(feature = "otel")]
        crate::otel::answered(&response);
        response
    };
    let mut response = answer.instrument(span).await;
    if let Ok(id) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

#[cfg(not(feature = "otel"))]
fn request_span(origin: &mut Origin, _: &Request) -> tracing::Span {
    // Of the highest level, so that errors keep their request id when little is logged.
    tracing::error_span!("request", request_id = %origin.request_id, trace_id = origin.trace.trace_id())
}

/// Lets through who shows the token.
pub(crate) async fn admit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    if gate.admits(request.headers()) {
        return next.run(request).await;
    }
    tracing::warn!(path = request.uri().path(), "a request without the right token");
    Fault::new(
        401,
        "unauthorized",
        "a valid token is needed: `authorization: Bearer <token>`",
    )
    .into_response()
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
