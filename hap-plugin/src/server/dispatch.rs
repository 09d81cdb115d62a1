//! [`Door`]: what every request passes before its handler.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use futures_util::FutureExt as _;
use http::{HeaderValue, Method, header};
use tower::ServiceExt as _;
use tracing::{Instrument as _, Span};

use crate::api::Plugin;
use crate::server::auth::Gate;
use crate::server::bounded::panicked;
#[cfg(feature = "otel")]
use crate::server::endpoints::is_endpoint;
use crate::server::endpoints::{COMMAND, ENDPOINTS, HEALTH, wrong_method};
use crate::server::service::Service;
use crate::server::{command, health};
use crate::telemetry::{Origin, REQUEST_ID, request_span};

/// Answers `/health` itself, without anything around it. Every other request gets its id, which comes back in the
/// answer, and its span; then it shows its token; what panics from there on is answered.
///
/// No layers of a router: each costs a request copies and boxes, as many as a health check takes altogether.
pub(crate) struct Door<P: Plugin> {
    pub(super) service: Arc<Service<P>>,
    pub(super) gate: Gate,
    /// Whether nothing of the author's is around the API, so that commands need not ask the router for their way.
    pub(super) is_plain: bool,
    pub(super) router: Router,
}

impl<P: Plugin> Door<P> {
    pub(crate) async fn answer(&self, request: Request) -> Response {
        if request.uri().path() == HEALTH {
            return match *request.method() {
                Method::GET | Method::HEAD => health::answer(&self.service),
                // As the router says it of the other paths, by RFC 9110, section 15.5.6.
                _ => ([(header::ALLOW, "GET,HEAD")], wrong_method(request).await).into_response(),
            };
        }
        let mut origin = Origin::of(request.headers());
        let span = span_of(&mut origin, &request);
        let origin = Arc::new(origin);
        let id = HeaderValue::from_str(&origin.request_id);
        // What the request goes through holds nothing of its own that a panic could leave half done.
        let passed = AssertUnwindSafe(self.pass(request, Arc::clone(&origin))).catch_unwind();
        let answered = async {
            let response = match passed.await {
                Ok(response) => response,
                Err(payload) => panicked(payload.as_ref()).into_response(),
            };
            #[cfg(feature = "otel")]
            crate::telemetry::answered(&response);
            response
        };
        let mut response = answered.instrument(span).await;
        if let Ok(id) = id {
            response.headers_mut().insert(&REQUEST_ID, id);
        }
        response
    }

    async fn pass(&self, mut request: Request, origin: Arc<Origin>) -> Response {
        if let Err(refusal) = self.gate.check(&request) {
            return refusal.into_response();
        }
        if self.is_plain && request.method() == Method::POST && request.uri().path() == COMMAND {
            return command::answer(&self.service, origin, request)
                .await
                .into_response();
        }
        request.extensions_mut().insert(origin);
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// For servers of one's own. The endpoints are routes, so that no fallback and no pattern of such a server takes
    /// their place unnoticed.
    pub(crate) fn into_router(self) -> Router {
        let door = Arc::new(self);
        let handler = move |request: Request| async move { door.answer(request).await };
        ENDPOINTS
            .iter()
            .fold(Router::new(), |router, (_, path)| {
                router.route(path, any(handler.clone()))
            })
            .fallback(handler)
    }
}

#[cfg(feature = "otel")]
fn span_of(origin: &mut Origin, request: &Request) -> Span {
    request_span(origin, request, is_endpoint(request.uri().path()))
}

#[cfg(not(feature = "otel"))]
fn span_of(origin: &mut Origin, _: &Request) -> Span {
    request_span(origin)
}
