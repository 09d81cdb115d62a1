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
    plugin::{
        handle::PluginHandle,
        update_options::{RollBackOptions, UpdateOptions},
    },
};

/// Sets an option of an update.
type Set = fn(UpdateOptions) -> UpdateOptions;

const FLAGS: [(&str, Set); 4] = [
    ("grant_all", UpdateOptions::grant_all_requested),
    ("allow_downgrade", UpdateOptions::allow_downgrade),
    ("without_snapshot", UpdateOptions::without_snapshot),
    (
        "even_if_dependants_break",
        UpdateOptions::even_if_dependants_break,
    ),
];

pub(super) async fn update(
    State(api): State<Api>,
    Named(plugin): Named,
    params: Params,
    request: Request,
) -> Result<Response, Refusal> {
    let options = options(&params)?;
    let followed = accepts_events(request.headers());
    let source = source(&api, request).await?;
    if !followed {
        let outcome = plugin.update_with(source, options).await?;
        return Ok(Json(updated(&plugin, outcome)).into_response());
    }
    let (sink, progress) = ProgressSink::stream();
    let updating = async move {
        match plugin.update_with(source, options.progress(sink)).await {
            Ok(outcome) => Message::new("updated", &updated(&plugin, outcome)),
            Err(error) => Message::new("refused", Refusal::from(error).body()),
        }
    };
    api.streams.open(told(progress, updating.boxed()))
}

pub(super) async fn roll_back(Named(plugin): Named, params: Params) -> Result<Json<Updated>, Refusal> {
    let options = RollBackOptions::default().restore_data(params.flag("restore_data")?);
    let outcome = plugin.roll_back(options).await?;
    Ok(Json(updated(&plugin, outcome)))
}

pub(super) async fn forget_previous(Named(plugin): Named) -> Result<Json<PluginStateView>, Refusal> {
    plugin.forget_previous_version().await?;
    Ok(Json(PluginStateView::of(&plugin)))
}

fn options(params: &Params) -> Result<UpdateOptions, Refusal> {
    let grants = params.all::<Permission>("grant")?;
    let mut options = grants
        .into_iter()
        .fold(UpdateOptions::default(), UpdateOptions::grant);
    for (name, set) in FLAGS {
        if params.flag(name)? {
            options = set(options);
        }
    }
    Ok(options)
}

fn updated(plugin: &PluginHandle, outcome: UpdateOutcome) -> Updated {
    Updated {
        outcome: outcome.into(),
        state: PluginStateView::of(plugin),
    }
}
