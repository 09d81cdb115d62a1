//! From one version of a plugin to another, and back.

use axum::{
    Json,
    extract::{Request, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use futures_util::FutureExt as _;
use hap_manifest::permission::{Permission, Publisher};
use serde_json::Value;

use super::{
    error::Refusal,
    params::{Params, invalid},
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

/// The header with the settings that come with an update.
pub(super) const SETTINGS_HEADER: &str = "plugin-settings";

/// Longest value of that header. Servers and proxies take no more than some ten thousand bytes of
/// headers in all.
const SETTINGS_BYTES: usize = 32 << 10;

/// What `max_snapshot_mib` may be.
pub(super) const SNAPSHOT_MIB: (u32, u32) = (1, u32::MAX);

pub(super) async fn update(
    State(api): State<Api>,
    Named(plugin): Named,
    params: Params,
    request: Request,
) -> Result<Response, Refusal> {
    let grants = params.all::<Permission>("grant")?;
    let grant_all = params.flag("grant_all")?;
    let accepted = params.one::<Publisher>("accept_publisher")?;
    let allow_downgrade = params.flag("allow_downgrade")?;
    let allow_same_version = params.flag("allow_same_version")?;
    let snapshot = !params.flag("without_snapshot")?;
    let max_snapshot = max_snapshot(&params)?;
    let ignore_dependents = params.flag("even_if_dependants_break")?;
    let settings = settings(request.headers())?;
    let followed = accepts_events(request.headers());
    let source = source(&api, request).await?;
    let mut update = grants
        .into_iter()
        .fold(plugin.update(source), UpdateRequest::grant)
        .grant_all_requested(grant_all)
        .allow_downgrade(allow_downgrade)
        .allow_same_version(allow_same_version)
        .snapshot(snapshot)
        .ignore_dependents(ignore_dependents);
    if let Some(most) = max_snapshot {
        update = update.max_snapshot_bytes(most);
    }
    update = settings.into_iter().fold(update, UpdateRequest::settings);
    update = accepted.into_iter().fold(update, UpdateRequest::accept_publisher);
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
    let snapshot = !params.flag("without_snapshot")?;
    let mut back = plugin.roll_back().restore_data(restore_data).snapshot(snapshot);
    if let Some(most) = max_snapshot(&params)? {
        back = back.max_snapshot_bytes(most);
    }
    let outcome = back.await?;
    Ok(Json(updated(&plugin, outcome)))
}

pub(super) async fn forget_previous(Named(plugin): Named) -> Result<Json<PluginStateView>, Refusal> {
    plugin.forget_previous_version().await?;
    Ok(Json(PluginStateView::of(&plugin)))
}

/// The settings that come with an update. They are in a header because the body is the package itself,
/// and a form, which could hold both, is what pages elsewhere can send.
fn settings(headers: &HeaderMap) -> Result<Option<Value>, Refusal> {
    let mut given = headers.get_all(SETTINGS_HEADER).iter();
    let Some(text) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(invalid(SETTINGS_HEADER, "the header is given more than once"));
    }
    if text.len() > SETTINGS_BYTES {
        let rule = format!("the header may have at most {SETTINGS_BYTES} bytes");
        return Err(invalid(SETTINGS_HEADER, &rule));
    }
    match serde_json::from_slice(text.as_bytes()) {
        Ok(settings @ Value::Object(_)) => Ok(Some(settings)),
        // Without the text: some of it may be secret.
        Ok(_) => Err(invalid(
            SETTINGS_HEADER,
            "it has to be the settings object, as JSON",
        )),
        Err(error) => Err(invalid(
            SETTINGS_HEADER,
            &format!(
                "it is not JSON, at column {} (letters beyond ASCII are escaped)",
                error.column()
            ),
        )),
    }
}

/// In bytes.
fn max_snapshot(params: &Params) -> Result<Option<u64>, Refusal> {
    let most = params.number("max_snapshot_mib", SNAPSHOT_MIB.0..=SNAPSHOT_MIB.1)?;
    Ok(most.map(|mib| u64::from(mib) << 20))
}

fn updated(plugin: &PluginHandle, outcome: UpdateOutcome) -> Updated {
    Updated {
        outcome: outcome.into(),
        state: PluginStateView::of(plugin),
    }
}
