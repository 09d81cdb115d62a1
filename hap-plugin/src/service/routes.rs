//! The routes, and the refusals of what is none.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use hap_manifest::ApiToken;
use serde_json::json;

use super::{Service, about, command, config, health, status};
use crate::gate::{self, Gate};
use crate::refusal::Refusal;
use crate::{Fault, Plugin};

/// Path and method of each endpoint.
const ENDPOINTS: [(&str, &str); 6] = [
    ("GET", "/health"),
    ("POST", "/command"),
    ("GET", "/status"),
    ("POST", "/config"),
    ("GET", "/describe"),
    ("GET", "/metrics"),
];

pub(crate) fn router<P: Plugin>(service: Arc<Service<P>>, token: Option<ApiToken>) -> Router {
    Router::new()
        .route("/health", get(health::answer::<P>))
        .route("/command", post(command::answer::<P>))
        .route("/status", get(status::answer::<P>))
        .route("/config", post(config::answer::<P>))
        .route("/describe", get(about::describe::<P>))
        .route("/metrics", get(about::metrics::<P>))
        .method_not_allowed_fallback(wrong_method)
        .fallback(no_such_path)
        .layer(from_fn_with_state(Gate { token }, gate::pass))
        .with_state(service)
}

async fn wrong_method(request: Request) -> Refusal {
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
    Refusal(Fault::new(405, "method_not_allowed", message))
}

async fn no_such_path() -> Refusal {
    let endpoints: Vec<String> = ENDPOINTS
        .iter()
        .map(|(method, path)| format!("{method} {path}"))
        .collect();
    Refusal(
        Fault::new(404, "not_found", "there is no such path").with_details(json!({ "endpoints": endpoints })),
    )
}
