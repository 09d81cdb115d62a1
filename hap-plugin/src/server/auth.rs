//! [`TokenCheck`]: only callers who show the token are let through.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::IpAddr;
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

/// Lets through who shows the token. Where there is none, everybody but pages of other sites, which
/// reach in a browser what their author does not.
#[derive(Debug, Clone)]
pub(crate) struct TokenCheck(Rule);

#[derive(Debug, Clone)]
enum Rule {
    Open,
    Token(Arc<ApiToken>),
    /// No page of another site, nor one of a name that was made to lead here.
    OwnPages {
        any_host: bool,
    },
}

impl TokenCheck {
    /// `any_host` counts without a token only: the plugin may be reached by any name, because it
    /// was told to listen beyond this machine.
    pub(crate) fn new(token: Option<ApiToken>, any_host: bool) -> Self {
        Self(token.map_or(Rule::OwnPages { any_host }, |token| Rule::Token(Arc::new(token))))
    }

    /// Lets everybody through.
    pub(crate) const OPEN: Self = Self(Rule::Open);

    pub(crate) fn check(&self, request: &Request) -> Result<(), Fault> {
        match &self.0 {
            Rule::Open => return Ok(()),
            Rule::Token(token) if shows(token, request.headers()) => return Ok(()),
            Rule::Token(_) => {}
            Rule::OwnPages { any_host } => {
                return match refused_page(request.headers(), *any_host) {
                    None => Ok(()),
                    Some(rule) => Err(Fault::new(
                        403,
                        "cross_site",
                        format!(
                            "{rule}, and this plugin has no HAP_API_TOKEN: set one and send it, or ask without a browser"
                        ),
                    )),
                };
            }
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
}

fn shows(token: &ApiToken, headers: &HeaderMap) -> bool {
    let presented = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let presented = presented.and_then(|value| value.split_once(' '));
    presented.is_some_and(|(scheme, presented)| {
        scheme.eq_ignore_ascii_case("bearer") && token.matches(presented.trim())
    })
}

/// Why a request may be the doing of a page of another site; `None` where it is not.
fn refused_page(headers: &HeaderMap, any_host: bool) -> Option<&'static str> {
    let text = |name: &str| {
        let value = headers.get(name)?;
        Some(value.to_str().unwrap_or_default())
    };
    let host = text("host");
    // An attacker's name may be made to lead to this machine: the browser then takes the attacker's
    // page for one of this plugin.
    if !any_host && !host.is_none_or(is_of_machine) {
        return Some("the request is for a name that is neither localhost nor an IP address");
    }
    let (site, origin) = (text("sec-fetch-site"), text("origin"));
    let is_own = match (site, origin) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let asked = origin.split_once("://").map(|(_, authority)| authority);
            asked.is_some() && asked == host
        }
        // No browser.
        (None, None) => true,
    };
    (!is_own).then_some("the request is from a page of another site")
}

/// Whether a host, with or without a port, is `localhost` or an IP address.
fn is_of_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
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

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn refused(check: &TokenCheck, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::post("/command");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check.check(&request.body(Body::empty()).unwrap()).is_err()
    }

    #[test]
    fn without_a_token_pages_of_other_sites_and_names_that_lead_here_are_refused() {
        let check = TokenCheck::new(None, false);
        let host = ("host", "localhost:8000");
        for foreign in [
            &[host, ("origin", "https://evil.example")][..],
            &[host, ("origin", "null")],
            &[host, ("origin", "http://localhost:3000")],
            &[host, ("sec-fetch-site", "cross-site")],
            &[host, ("sec-fetch-site", "same-site")],
            &[
                host,
                ("sec-fetch-site", "cross-site"),
                ("origin", "http://localhost:8000"),
            ],
            &[("origin", "https://evil.example")],
            &[("host", "evil.example:8000")],
            &[
                ("host", "evil.example:8000"),
                ("origin", "http://evil.example:8000"),
            ],
        ] {
            assert!(refused(&check, foreign), "{foreign:?}");
        }
        for own in [
            &[][..],
            &[host],
            &[("host", "127.0.0.1:8000")],
            &[("host", "[::1]:8000")],
            &[("host", "10.213.7.2:8000")],
            &[host, ("origin", "http://localhost:8000")],
            &[host, ("sec-fetch-site", "same-origin")],
            &[host, ("sec-fetch-site", "none")],
        ] {
            assert!(!refused(&check, own), "{own:?}");
        }
        let told = TokenCheck::new(None, true);
        assert!(!refused(&told, &[("host", "light:8000")]));
        assert!(refused(
            &told,
            &[("host", "light:8000"), ("origin", "http://evil.example")]
        ));
    }

    #[test]
    fn with_a_token_nothing_else_counts() {
        let token: ApiToken = ApiToken::from_bytes(&[7; 32]);
        let bearer = format!("Bearer {}", token.expose());
        let check = TokenCheck::new(Some(token), false);
        let shown = ("authorization", &*bearer);
        assert!(!refused(
            &check,
            &[shown, ("host", "light.example"), ("origin", "http://ui.example")]
        ));
        assert!(refused(&check, &[("host", "localhost")]));
    }
}
