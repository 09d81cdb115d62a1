//! What is wanted of a plugin.

use axum::{Json, http::StatusCode};

use super::{
    body::JsonBody,
    error::Refusal,
    params::Params,
    state::Named,
    view::{plugin::PluginStateView, request::WantedState},
};
use crate::{
    error::{Error, Result},
    plugin::handle::PluginHandle,
};

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

pub(super) async fn stop(Named(plugin): Named, params: Params) -> Result<Json<PluginStateView>, Refusal> {
    let force = params.flag("force")?;
    settled(&plugin, plugin.stop().force(force).await)
}

pub(super) async fn restart(Named(plugin): Named, params: Params) -> Result<Json<PluginStateView>, Refusal> {
    let force = params.flag("force")?;
    settled(&plugin, plugin.restart().force(force).await)
}

pub(super) async fn rotate_secrets(Named(plugin): Named) -> Result<Json<PluginStateView>, Refusal> {
    settled(&plugin, plugin.rotate_secrets().await)
}

/// Where the plugin is now, once it is where it should be.
fn settled(plugin: &PluginHandle, done: Result<(), Error>) -> Result<Json<PluginStateView>, Refusal> {
    done?;
    Ok(Json(PluginStateView::of(plugin)))
}
