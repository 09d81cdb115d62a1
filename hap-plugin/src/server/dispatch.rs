//! [`Dispatcher`]: what every request passes before its handler.

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
use crate::server::auth::TokenCheck;
use crate::server::bounded::panicked;
#[cfg(feature = "otel")]
use crate::server::endpoints::is_endpoint;
use crate::server::endpoints::{COMMAND, ENDPOINTS, HEALTH, wrong_method};
use crate::server::service::Service;
use crate::server::{command, health};
use crate::telemetry::{REQUEST_ID, RequestContext, request_span};

/// Answers `/health` itself, without anything around it. Every other request gets its id, which
/// comes back in the answer, and its span; then it shows its token; what panics from there on is
/// answered.
///
/// No layers of a router: each costs a request copies and boxes, as many as a health check takes
/// altogether.
pub(crate) struct Dispatcher<P: Plugin> {
    pub(super) service: Arc<Service<P>>,
    pub(super) token_check: TokenCheck,
    /// Whether nothing of the author's is around the API, so that commands need not ask the router
    /// for their way.
    pub(super) is_plain: bool,
    pub(super) router: Router,
}

impl<P: Plugin> Dispatcher<P> {
    pub(crate) async fn answer(&self, request: Request) -> Response {
        if request.uri().path() == HEALTH {
            return match *request.method() {
                Method::GET | Method::HEAD => health::answer(&self.service),
                // As the router says it of the other paths, by RFC 9110, section 15.5.6.
                _ => ([(header::ALLOW, "GET,HEAD")], wrong_method(request).await).into_response(),
            };
        }
        let mut request_context = RequestContext::of(request.headers());
        let span = span_of(&mut request_context, &request);
        let request_context = Arc::new(request_context);
        let id = HeaderValue::from_str(&request_context.request_id);
        // What the request goes through holds nothing of its own that a panic could leave half
        // done.
        let passed = AssertUnwindSafe(self.pass(request, Arc::clone(&request_context))).catch_unwind();
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

    async fn pass(&self, mut request: Request, request_context: Arc<RequestContext>) -> Response {
        if let Err(refusal) = self.token_check.check(&request) {
            return refusal.into_response();
        }
        if self.is_plain && request.method() == Method::POST && request.uri().path() == COMMAND {
            return command::answer(&self.service, request_context, request)
                .await
                .into_response();
        }
        request.extensions_mut().insert(request_context);
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// For servers of one's own. The endpoints are routes, so that no fallback and no pattern of
    /// such a server takes their place unnoticed.
    pub(crate) fn into_router(self) -> Router {
        let dispatcher = Arc::new(self);
        let handler = move |request: Request| async move { dispatcher.answer(request).await };
        ENDPOINTS
            .iter()
            .fold(Router::new(), |router, (_, path)| {
                router.route(path, any(handler.clone()))
            })
            .fallback(handler)
    }
}

#[cfg(feature = "otel")]
fn span_of(request_context: &mut RequestContext, request: &Request) -> Span {
    request_span(request_context, request, is_endpoint(request.uri().path()))
}

#[cfg(not(feature = "otel"))]
fn span_of(request_context: &mut RequestContext, _: &Request) -> Span {
    request_span(request_context)
}
