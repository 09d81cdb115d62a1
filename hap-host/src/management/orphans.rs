//! What the engine keeps that belongs to no plugin.

use std::time::Duration;

use axum::{Json, extract::State};
use hap_manifest::PluginId;

use super::{
    error::Refusal,
    params::{Params, missing},
    state::Api,
    view::orphan::{DataRemoved, NotSwept, OrphanList, OrphanView, Swept},
};
use crate::{error::Result, supervisor::orphans::orphan::SweepReport};

/// Seconds that something has to be old before a sweep takes it: up to a year.
pub(super) const MINIMUM_AGE_S: (u32, u32) = (0, 365 * 24 * 60 * 60);

pub(super) async fn list(State(api): State<Api>) -> Result<Json<OrphanList>, Refusal> {
    let orphans = api.supervisor.orphans().await?;
    Ok(Json(OrphanList {
        orphans: orphans.into_iter().map(OrphanView::from).collect(),
    }))
}

pub(super) async fn sweep(State(api): State<Api>, params: Params) -> Result<Json<Swept>, Refusal> {
    let (name, (least, most)) = ("minimum_age_s", MINIMUM_AGE_S);
    let seconds = params.number(name, least..=most)?.ok_or_else(|| missing(name))?;
    let age = Duration::from_secs(seconds.into());
    Ok(Json(swept(api.supervisor.sweep_orphans(age).await?)))
}

pub(super) async fn prune_images(State(api): State<Api>) -> Result<Json<Swept>, Refusal> {
    Ok(Json(swept(api.supervisor.prune_images().await?)))
}

pub(super) async fn remove_data(
    State(api): State<Api>,
    params: Params,
) -> Result<Json<DataRemoved>, Refusal> {
    let plugin: PluginId = params.one("plugin")?.ok_or_else(|| missing("plugin"))?;
    api.supervisor.remove_orphaned_data(&plugin).await?;
    Ok(Json(DataRemoved { plugin }))
}

fn swept(sweep: SweepReport) -> Swept {
    let failed = sweep.failed.into_iter();
    Swept {
        removed: sweep.removed.into_iter().map(OrphanView::from).collect(),
        failed: failed
            .map(|(orphan, error)| NotSwept {
                orphan: orphan.into(),
                refusal: Refusal::from(error).body().clone(),
            })
            .collect(),
        freed_bytes: sweep.freed_bytes,
    }
}
