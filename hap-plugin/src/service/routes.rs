//! The routes, and the refusals of what is none.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::{get, post};
use hap_manifest::ApiToken;
use serde_json::json;

use super::additions::{Additions, adopt, adopt_before};
use super::{Service, about, command, config, health, status};
use crate::gate::{Gate, Pass};
use crate::{Fault, Plugin};

/// Path and method of each endpoint.
pub(super) const ENDPOINTS: [(&str, &str); 7] = [
    ("GET", "/health"),
    ("POST", "/command"),
    ("GET", "/status"),
    ("POST", "/config"),
    ("GET", "/describe"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
];

/// Whether a path is one of the API's.
#[cfg(feature = "otel")]
pub(crate) fn is_endpoint(path: &str) -> bool {
    ENDPOINTS.iter().any(|(_, known)| *known == path)
}

/// `/health` is answered first, without anything around it. From the outside in, every other request gets its id and its
/// span; the author's open routes answer everybody; then comes the token, then the author's layers, then the plugin's
/// API, then the author's other routes.
///
/// One router for all of it where there are no open routes: each one more that a request goes through, and each layer
/// of its own, costs it copies and boxes.
pub(crate) fn router<P: Plugin>(
    service: &Arc<Service<P>>,
    token: Option<ApiToken>,
    additions: Additions,
) -> Router {
    let Additions {
        routes,
        open_routes,
        layers,
    } = additions;
    let api = Router::new()
        .route("/command", post(command::answer::<P>))
        .route("/status", get(status::answer::<P>))
        .route("/config", post(config::answer::<P>))
        .route("/describe", get(about::describe::<P>))
        .route("/metrics", get(about::metrics::<P>))
        .route("/openapi.json", get(about::openapi::<P>))
        .method_not_allowed_fallback(wrong_method)
        .with_state(Arc::clone(service));
    let api = match routes {
        Some(routes) => api.fallback_service(adopt(service, routes)),
        None => api.fallback(no_such_path),
    };
    let api = layers.into_iter().fold(api, |api, layer| layer(api));
    let gate = Gate { token };
    let passed = match adopt_before(service, open_routes) {
        Some(open_routes) => open_routes.fallback_service(api.layer(gate)).layer(Pass),
        None => api.layer((Pass, gate)),
    };
    let health = get(health::answer::<P>).fallback(wrong_method);
    passed.route("/health", health.with_state(Arc::clone(service)))
}

pub(super) async fn wrong_method(request: Request) -> Fault {
    let path = request.uri().path();
    let allowed = ENDPOINTS
        .iter()
        .find(|(_, known)| *known == path)
        .map(|(method, _)| *method);
    let message = format!(
        "{path} takes {}, not {}",
        allowed.unwrap_or("another method"),
        request.method()
    );
    Fault::new(405, "method_not_allowed", message)
}

pub(super) async fn no_such_path() -> Fault {
    let endpoints: Vec<String> = ENDPOINTS
        .iter()
        .map(|(method, path)| format!("{method} {path}"))
        .collect();
    Fault::new(404, "not_found", "there is no such path").with_details(json!({ "endpoints": endpoints }))
}
