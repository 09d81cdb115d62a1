//! Asks a plugin whether it is well.

use std::{net::SocketAddr, time::Duration};

use axum::body::Body;
use hap_manifest::wire::{HealthReport, HealthStatus};
use hyper::{Request, header};
use serde_json::Value;

use super::{
    http::{Http, read_body},
    refusal,
    reply::{describe, quote},
};
use crate::model::{probe::ProbeResult, redact::Redactor};

/// Largest body of a health report; more is not read.
const MAX_HEALTH_BYTES: usize = 64 << 10;

/// A client for health probes: each on a connection of its own, because a pooled one may lead to a
/// process that is gone and would make a plugin look dead that has just come back.
pub(crate) fn probe_client() -> Http {
    Http::unpooled()
}

/// Asks for the plugin's health once. What it says of itself is told without its secrets.
pub(crate) async fn probe(
    http: &Http,
    address: SocketAddr,
    path: &str,
    timeout: Duration,
    redactor: &Redactor,
) -> ProbeResult {
    let deadline = tokio::time::Instant::now() + timeout;
    let asked = async {
        let request = Request::get(format!("http://{address}{path}"))
            .header(header::ACCEPT, "*/*")
            .body(Body::empty())
            .map_err(|error| ProbeResult::Missed(format!("{path} cannot be asked: {error}")))?;
        let sent = http.send(request);
        let response = match tokio::time::timeout_at(deadline, sent).await {
            Ok(sent) => sent.map_err(|broken| match broken.own_lack() {
                Some(lack) => ProbeResult::NotAsked(lack),
                None => ProbeResult::Missed(describe(&broken, address)),
            })?,
            Err(_) => {
                return Err(ProbeResult::Missed(format!(
                    "no answer from {path} within {timeout:?}"
                )));
            }
        };
        let status = response.status();
        // The status alone decides; a body that is cut, late or no JSON takes nothing away from it.
        let body = tokio::time::timeout_at(deadline, read_body(response.into_body(), MAX_HEALTH_BYTES)).await;
        let body = body.ok().and_then(Result::ok).unwrap_or_default();
        let said = serde_json::from_slice::<Value>(&body).unwrap_or_default();
        // Whatever the types of the other fields are, and whatever their names.
        let message = said.get("message").and_then(Value::as_str).map(str::to_owned);
        let message = message
            .or_else(|| refusal::text_of(said.as_object().filter(|_| !status.is_success())?))
            // Before it is shortened, or what is left of a secret would not be recognised.
            .map(|message| quote(&redactor.text(&message)));
        let report = serde_json::from_value::<HealthReport>(said).ok();
        if status.is_success() {
            let degraded = report.is_some_and(|report| report.status_kind() == HealthStatus::Degraded);
            return Ok(ProbeResult::Answered { degraded, message });
        }
        let said = message.map(|message| format!(": {message}")).unwrap_or_default();
        Err(ProbeResult::Missed(format!(
            "{path} answered HTTP {}{said}",
            status.as_u16()
        )))
    };
    asked.await.unwrap_or_else(|failed| failed)
}
