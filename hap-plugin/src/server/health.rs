//! `GET /health`: answered from what is known, without waiting for anything.

use std::panic::{AssertUnwindSafe, catch_unwind};

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use hap_manifest::wire::HealthReport;
use http::{HeaderValue, StatusCode, header};

use crate::api::{Health, Plugin};
use crate::server::lifecycle::Phase;
use crate::server::service::Service;

// Not to become async: a health check must not wait for a command.
pub(super) fn answer<P: Plugin>(service: &Service<P>) -> Response {
    match service.health_now() {
        None => {
            let json = HeaderValue::from_static("application/json");
            ([(header::CONTENT_TYPE, json)], service.all_is_well.clone()).into_response()
        }
        Some((status, report)) => (status, Json(report)).into_response(),
    }
}

impl<P: Plugin> Service<P> {
    /// `None`: all is well, of which the report has been written before.
    fn health_now(&self) -> Option<(StatusCode, HealthReport)> {
        let report = |word: &str| HealthReport::new(word, self.cx.plugin_id());
        match self.lifecycle.phase() {
            Phase::Starting => return Some((StatusCode::SERVICE_UNAVAILABLE, report("starting"))),
            Phase::Stopping => return Some((StatusCode::SERVICE_UNAVAILABLE, report("stopping"))),
            Phase::Ready => {}
        }
        // The plugin's own state after a panic is the plugin's affair; the answer tells the host.
        let health = catch_unwind(AssertUnwindSafe(|| self.plugin.health()))
            .unwrap_or_else(|_| Health::unhealthy("the health check panicked"));
        // Work that has ended for good is worse than what the plugin itself knows, unless that is
        // as bad.
        let health = match self.cx.tasks().complaint() {
            Some(complaint) if health.is_serving() => Health::unhealthy(complaint),
            _ => health,
        };
        let health = match self.lifecycle.complaint() {
            Some(complaint) if health.is_healthy() => Health::degraded(complaint),
            _ => health,
        };
        if health.is_healthy() && health.message().is_none() {
            return None;
        }
        let status = if health.is_serving() {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        let mut answer = report(health.word());
        answer.message = health
            .message()
            .map(|message| self.redactor().clean(message).into_owned());
        Some((status, answer))
    }
}
