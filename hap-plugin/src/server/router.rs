//! The routes, and the refusals of what is none.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use hap_manifest::ApiToken;
use serde_json::json;

use crate::api::Plugin;
use crate::error::{Fault, Result};
use crate::server::auth::Gate;
use crate::server::custom_routes::{Additions, adopt, adopt_before};
use crate::server::dispatch::Door;
use crate::server::service::Service;
use crate::server::{command, config, describe, status};
use crate::telemetry::Origin;

pub(super) const HEALTH: &str = "/health";
pub(super) const COMMAND: &str = "/command";

/// Path and method of each endpoint.
pub(super) const ENDPOINTS: [(&str, &str); 7] = [
    ("GET", HEALTH),
    ("POST", COMMAND),
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

/// From the outside in: the [`Door`], where each request shows its token; the author's layers; the plugin's API; the
/// author's other routes. Where the author has open routes, which answer everybody, the token is asked for behind them.
pub(crate) fn door<P: Plugin>(
    service: &Arc<Service<P>>,
    token: Option<ApiToken>,
    additions: Additions,
) -> Door<P> {
    let Additions {
        routes,
        open_routes,
        layers,
    } = additions;
    let api = Router::new()
        .route(COMMAND, post(answer_command::<P>))
        .route("/status", get(status::answer::<P>))
        .route("/config", post(config::answer::<P>))
        .route("/describe", get(describe::describe::<P>))
        .route("/metrics", get(describe::metrics::<P>))
        .route("/openapi.json", get(describe::openapi::<P>))
        .method_not_allowed_fallback(wrong_method)
        .with_state(Arc::clone(service));
    let api = match routes {
        Some(routes) => api.fallback_service(adopt(service, routes)),
        None => api.fallback(no_such_path),
    };
    let has_layers = !layers.is_empty();
    let api = layers.into_iter().fold(api, |api, layer| layer(api));
    let gate = Gate::new(token);
    let open_routes = adopt_before(service, open_routes);
    let is_plain = !has_layers && open_routes.is_none();
    let (gate, router) = match open_routes {
        Some(open_routes) => (Gate::OPEN, open_routes.fallback_service(api.layer(gate))),
        None => (gate, api),
    };
    Door {
        service: Arc::clone(service),
        gate,
        is_plain,
        router,
    }
}

async fn answer_command<P: Plugin>(
    State(service): State<Arc<Service<P>>>,
    Extension(origin): Extension<Arc<Origin>>,
    request: Request,
) -> Result<Response> {
    command::answer(&service, origin, request).await
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
