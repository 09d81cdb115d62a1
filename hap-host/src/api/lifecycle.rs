//! What is wanted of a plugin.

use axum::{Json, http::StatusCode};
use serde_json::json;

use super::{
    Named, Refusal,
    body::JsonBody,
    view::{FailureView, PluginStateView, WantedState},
};
use crate::{Error, ErrorKind, PluginHandle, Result};

pub(super) async fn set_desired(
    Named(plugin): Named,
    JsonBody(wanted): JsonBody<WantedState>,
) -> Result<(StatusCode, Json<PluginStateView>), Refusal> {
    plugin.set_desired(wanted.desired.into()).await?;
    Ok((StatusCode::ACCEPTED, Json(PluginStateView::of(&plugin))))
}

pub(super) async fn start(Named(plugin): Named) -> Result<Json<PluginStateView>, Refusal> {
    settled(&plugin, plugin.start().await)
}

pub(super) async fn stop(Named(plugin): Named) -> Result<Json<PluginStateView>, Refusal> {
    settled(&plugin, plugin.stop().await)
}

pub(super) async fn restart(Named(plugin): Named) -> Result<Json<PluginStateView>, Refusal> {
    settled(&plugin, plugin.restart().await)
}

pub(super) async fn rotate_secrets(Named(plugin): Named) -> Result<Json<PluginStateView>, Refusal> {
    settled(&plugin, plugin.rotate_secrets().await)
}

/// Where the plugin is now, or why it is not where it should be, with the diagnosis for programs.
fn settled(plugin: &PluginHandle, done: Result<(), Error>) -> Result<Json<PluginStateView>, Refusal> {
    let Err(error) = done else {
        return Ok(Json(PluginStateView::of(plugin)));
    };
    let redactor = plugin.cell().config.redactor();
    let diagnosed = matches!(error.kind(), ErrorKind::Failed | ErrorKind::Dependency);
    let refusal = Refusal::from(error.redacted(&redactor));
    let state = plugin.state();
    Err(match state.failure.or(state.last_failure) {
        Some(failure) if diagnosed => {
            refusal.with_details(json!({ "failure": FailureView::clean(failure, &redactor) }))
        }
        _ => refusal,
    })
}
