//! What is said to plugins.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderMap, StatusCode},
};
use hap_manifest::{
    TraceParent,
    wire::{CommandRequest, CommandResponse, StatusReport},
};

use super::{
    body::{AnyJsonBody, JsonBody},
    error::Refusal,
    params::{Params, header},
    state::Named,
    view::answer::{ConfigAnswer, KeptConfig, LastStatus},
};
use crate::{
    error::{ErrorKind, Result},
    model::config_state::ConfigState,
    plugin::settings::is_no,
};

/// The deadlines that a caller may choose, in milliseconds.
pub(super) const TIMEOUT_MS: (u32, u32) = (1, 600_000);

pub(super) async fn command(
    Named(plugin): Named,
    params: Params,
    headers: HeaderMap,
    JsonBody(request): JsonBody<CommandRequest>,
) -> Result<Json<CommandResponse>, Refusal> {
    let mut call = plugin.command_typed(request);
    if let Some(millis) = params.number("timeout_ms", TIMEOUT_MS.0..=TIMEOUT_MS.1)? {
        call = call.timeout(Duration::from_millis(millis.into()));
    }
    if let Some(key) = header(&headers, "idempotency-key")? {
        call = call.idempotency_key(key);
    }
    if let Some(id) = header(&headers, "x-request-id")? {
        call = call.request_id(id);
    }
    // By its specification a trace that cannot be read is as good as none.
    if let Ok(Some(parent)) = header(&headers, TraceParent::HEADER) {
        call = call.traceparent(TraceParent::parse(parent));
    }
    Ok(Json(call.await?))
}

pub(super) async fn status(Named(plugin): Named) -> Result<Json<StatusReport>, Refusal> {
    Ok(Json(plugin.status().await?))
}

pub(super) async fn last_status(Named(plugin): Named) -> Result<Json<LastStatus>, Refusal> {
    let event = plugin.last_pushed_status().await?;
    Ok(Json(LastStatus {
        event: event.map(Into::into),
    }))
}

pub(super) async fn config(Named(plugin): Named) -> Result<Json<KeptConfig>, Refusal> {
    let settings = plugin.config().await?;
    Ok(Json(KeptConfig {
        settings,
        config: (&plugin.state().config).into(),
    }))
}

/// Settings that could not be delivered now are kept, and that is no failure of this call.
pub(super) async fn configure(
    Named(plugin): Named,
    AnyJsonBody(settings): AnyJsonBody,
) -> Result<(StatusCode, Json<ConfigAnswer>), Refusal> {
    let error = match plugin.configure(settings).await {
        Ok(ack) => {
            let answer = ConfigAnswer {
                success: true,
                delivered: true,
                message: ack.message,
            };
            return Ok((StatusCode::OK, Json(answer)));
        }
        Err(error) => error,
    };
    let undelivered = match error.kind() {
        ErrorKind::NotRunning | ErrorKind::Unreachable | ErrorKind::Interrupted | ErrorKind::Timeout => true,
        // It said "not now".
        ErrorKind::Rejected => !is_no(&error),
        _ => false,
    };
    // A deadline may also have passed at the disk, before anything was kept.
    if !undelivered || !matches!(plugin.state().config, ConfigState::Pending { .. }) {
        return Err(error.into());
    }
    let answer = ConfigAnswer {
        success: true,
        delivered: false,
        message: format!(
            "kept, and given to the plugin when it is healthy; now {}",
            error.report()
        ),
    };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}
