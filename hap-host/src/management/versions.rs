//! From one version of a plugin to another, and back.

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use futures_util::FutureExt as _;
use hap_manifest::permission::Permission;

use super::{
    error::Refusal,
    params::Params,
    plugins::{accepts_events, source, told},
    sse::Message,
    state::{Api, Named},
    view::plugin::{PluginStateView, Updated},
};
use crate::{
    engine::progress::ProgressSink,
    error::Result,
    model::update::UpdateOutcome,
    plugin::handle::{PluginHandle, update_request::UpdateRequest},
};

pub(super) async fn update(
    State(api): State<Api>,
    Named(plugin): Named,
    params: Params,
    request: Request,
) -> Result<Response, Refusal> {
    let grants = params.all::<Permission>("grant")?;
    let grant_all = params.flag("grant_all")?;
    let allow_downgrade = params.flag("allow_downgrade")?;
    let snapshot = !params.flag("without_snapshot")?;
    let ignore_dependents = params.flag("even_if_dependants_break")?;
    let followed = accepts_events(request.headers());
    let source = source(&api, request).await?;
    let update = grants
        .into_iter()
        .fold(plugin.update(source), UpdateRequest::grant)
        .grant_all_requested(grant_all)
        .allow_downgrade(allow_downgrade)
        .snapshot(snapshot)
        .ignore_dependents(ignore_dependents);
    if !followed {
        let outcome = update.await?;
        return Ok(Json(updated(&plugin, outcome)).into_response());
    }
    let (sink, progress) = ProgressSink::stream();
    let updating = async move {
        match update.progress(sink).await {
            Ok(outcome) => Message::new("updated", &updated(&plugin, outcome)),
            Err(error) => Message::new("refused", Refusal::from(error).body()),
        }
    };
    api.streams.open(told(progress, updating.boxed()))
}

pub(super) async fn roll_back(Named(plugin): Named, params: Params) -> Result<Json<Updated>, Refusal> {
    let restore_data = params.flag("restore_data")?;
    let outcome = plugin.roll_back().restore_data(restore_data).await?;
    Ok(Json(updated(&plugin, outcome)))
}

pub(super) async fn forget_previous(Named(plugin): Named) -> Result<Json<PluginStateView>, Refusal> {
    plugin.forget_previous_version().await?;
    Ok(Json(PluginStateView::of(&plugin)))
}

fn updated(plugin: &PluginHandle, outcome: UpdateOutcome) -> Updated {
    Updated {
        outcome: outcome.into(),
        state: PluginStateView::of(plugin),
    }
}
