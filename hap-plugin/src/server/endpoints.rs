//! The paths of the API, and the refusals of what is none of them.

use axum::extract::Request;
use serde_json::json;

use crate::error::Fault;

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
pub(super) fn is_endpoint(path: &str) -> bool {
    ENDPOINTS.iter().any(|(_, known)| *known == path)
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
