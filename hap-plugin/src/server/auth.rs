//! [`TokenCheck`]: only callers who show the token are let through.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use futures_util::future::Either;
use hap_manifest::ApiToken;
use http::{HeaderMap, header};
use tower::{Layer, Service};

use crate::error::Fault;
use crate::telemetry::printable;

/// Lets through who shows the token; everybody where there is none.
#[derive(Debug, Clone)]
pub(crate) struct TokenCheck(Option<Arc<ApiToken>>);

impl TokenCheck {
    pub(crate) fn new(token: Option<ApiToken>) -> Self {
        Self(token.map(Arc::new))
    }

    /// Lets everybody through.
    pub(crate) const OPEN: Self = Self(None);

    pub(crate) fn check(&self, request: &Request) -> Result<(), Fault> {
        if self.admits(request.headers()) {
            return Ok(());
        }
        tracing::warn!(
            path = printable(request.uri().path()),
            "a request without the right token"
        );
        Err(Fault::new(
            401,
            "unauthorized",
            "a valid token is needed: `authorization: Bearer <token>`",
        ))
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.0 else { return true };
        let presented = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let presented = presented.and_then(|value| value.split_once(' '));
        presented.is_some_and(|(scheme, presented)| {
            scheme.eq_ignore_ascii_case("bearer") && token.matches(presented.trim())
        })
    }
}

/// Asks for the token in front of a part of the routes only.
#[derive(Debug, Clone)]
pub(crate) struct TokenCheckService<S> {
    token_check: TokenCheck,
    inner: S,
}

impl<S> Layer<S> for TokenCheck {
    type Service = TokenCheckService<S>;

    fn layer(&self, inner: S) -> TokenCheckService<S> {
        TokenCheckService {
            token_check: self.clone(),
            inner,
        }
    }
}

impl<S> Service<Request> for TokenCheckService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.token_check.check(&request) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(refusal) => Either::Right(ready(Ok(refusal.into_response()))),
        }
    }
}
