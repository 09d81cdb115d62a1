//! `GET /describe`, `GET /openapi.json` and `GET /metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;

use crate::api::Plugin;
use crate::server::service::Service;

pub(super) async fn describe<P: Plugin>(State(service): State<Arc<Service<P>>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], service.describe.clone())
}

pub(super) async fn openapi<P: Plugin>(State(service): State<Arc<Service<P>>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], service.openapi.clone())
}

pub(super) async fn metrics<P: Plugin>(State(service): State<Arc<Service<P>>>) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        service.metrics.text(),
    )
}
