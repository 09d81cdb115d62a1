//! What every request passes before its handler.
//!
//! Services of their own rather than functions that axum makes services of: those clone and box what is behind them for
//! each request, which costs as much as a health check.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use futures_util::future::Either;
use hap_manifest::ApiToken;
use http::{HeaderMap, HeaderValue, header};
use tower::{Layer, Service};
use tracing::Instrument as _;

use crate::Fault;
use crate::guard::panicked;
use crate::origin::{Origin, REQUEST_ID};
#[cfg(feature = "otel")]
use crate::otel::request_span;

/// Gives a request its id, which comes back in the answer, and its span; what panics on the way is answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pass;

#[derive(Debug, Clone)]
pub(crate) struct Passing<S>(S);

impl<S> Layer<S> for Pass {
    type Service = Passing<S>;

    fn layer(&self, inner: S) -> Passing<S> {
        Passing(inner)
    }
}

impl<S> Service<Request> for Passing<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let mut origin = Origin::of(request.headers());
        let span = request_span(&mut origin, &request);
        let origin = Arc::new(origin);
        let id = HeaderValue::from_str(&origin.request_id);
        request.extensions_mut().insert(origin);
        // What the request goes through holds nothing of its own that a panic could leave half done.
        let called = span.in_scope(|| catch_unwind(AssertUnwindSafe(|| self.0.call(request))));
        let called = match called {
            Ok(answer) => Either::Left(AssertUnwindSafe(answer).catch_unwind()),
            Err(payload) => Either::Right(ready(Err(payload))),
        };
        let answer = called.map(move |answered| {
            let mut response = match answered {
                Ok(Ok(response)) => response,
                Ok(Err(never)) => match never {},
                Err(payload) => panicked(payload.as_ref()).into_response(),
            };
            #[cfg(feature = "otel")]
            crate::otel::answered(&response);
            if let Ok(id) = id {
                response.headers_mut().insert(&REQUEST_ID, id);
            }
            Ok(response)
        });
        Box::pin(answer.instrument(span))
    }
}

#[cfg(not(feature = "otel"))]
fn request_span(origin: &mut Origin, _: &Request) -> tracing::Span {
    // Of the highest level, so that errors keep their request id when little is logged.
    tracing::error_span!(
        "request",
        request_id = origin.request_id,
        trace_id = origin.trace.trace_id()
    )
}

/// Lets through who shows the token.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) token: Option<ApiToken>,
}

#[derive(Debug, Clone)]
pub(crate) struct Gated<S> {
    gate: Gate,
    inner: S,
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated {
            gate: self.clone(),
            inner,
        }
    }
}

impl<S> Service<Request> for Gated<S>
where
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if self.gate.admits(request.headers()) {
            return Either::Left(self.inner.call(request));
        }
        tracing::warn!(path = request.uri().path(), "a request without the right token");
        let refusal = Fault::new(
            401,
            "unauthorized",
            "a valid token is needed: `authorization: Bearer <token>`",
        );
        Either::Right(ready(Ok(refusal.into_response())))
    }
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
