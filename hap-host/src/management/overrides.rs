//! What the operator chooses for a plugin.

use axum::Json;

use super::{
    body::{JsonBody, misfit},
    error::Refusal,
    state::Named,
    view::{
        overrides::{Limits, OperatorEnv, WantedBoot, WantedLimits},
        plugin::PluginStateView,
    },
};
use crate::{
    error::{Error, Result},
    model::env::EnvOverrides,
};

pub(super) async fn limits(Named(plugin): Named) -> Json<Limits> {
    Json(Limits::of(&plugin))
}

pub(super) async fn set_limits(
    Named(plugin): Named,
    JsonBody(wanted): JsonBody<WantedLimits>,
) -> Result<Json<Limits>, Refusal> {
    plugin.set_limits(wanted.into()).await?;
    Ok(Json(Limits::of(&plugin)))
}

pub(super) async fn set_boot(
    Named(plugin): Named,
    JsonBody(wanted): JsonBody<WantedBoot>,
) -> Result<Json<PluginStateView>, Refusal> {
    plugin.set_autostart(wanted.boot.into()).await?;
    Ok(Json(PluginStateView::of(&plugin)))
}

pub(super) async fn env(Named(plugin): Named) -> Json<OperatorEnv> {
    Json((&plugin.env()).into())
}

pub(super) async fn set_env(
    Named(plugin): Named,
    JsonBody(wanted): JsonBody<OperatorEnv>,
) -> Result<Json<OperatorEnv>, Refusal> {
    let mut env = EnvOverrides::new();
    for (name, value) in wanted.variables {
        if wanted.secrets.contains_key(&name) {
            let rule = "it is among the secrets too, and can be only one of both";
            return Err(misfit(&format!("variables.{name}"), rule));
        }
        env = env.with(&name, value).map_err(Error::from)?;
    }
    for (name, value) in wanted.secrets {
        env = env.with_secret(&name, value).map_err(Error::from)?;
    }
    plugin.set_env(env).await?;
    Ok(Json((&plugin.env()).into()))
}
