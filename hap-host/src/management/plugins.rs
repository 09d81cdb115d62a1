//! Which plugins there are, and how they come and go.

use std::time::Duration;

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_core::Stream;
use futures_util::{FutureExt as _, future::BoxFuture, stream};
use hap_manifest::{Manifest, permission::Permission};
use serde_json::{Value, json};

use super::{
    body::{JSON, media, read_json},
    error::Refusal,
    params::Params,
    sse::Message,
    state::{Api, Named},
    upload,
    view::{
        access::Permissions,
        answer::Removed,
        plugin::{PluginDetails, PluginList, PluginStateView, PluginSummary},
        progress::ProgressView,
    },
};
use crate::{
    engine::progress::{ProgressSink, ProgressStream},
    error::Result,
    plugin::{handle::PluginHandle, source::PluginSource},
    supervisor::install::InstallRequest,
};

/// How long an overview waits for another call that configures the plugin.
const SETTINGS_WAIT: Duration = Duration::from_millis(500);

pub(super) async fn list(State(api): State<Api>) -> Json<PluginList> {
    let plugins = api.supervisor.plugins();
    Json(PluginList {
        plugins: plugins.iter().map(PluginSummary::of).collect(),
    })
}

pub(super) async fn get(Named(plugin): Named) -> Result<Json<PluginDetails>, Refusal> {
    Ok(Json(details(&plugin).await?))
}

pub(super) async fn install(
    State(api): State<Api>,
    params: Params,
    request: Request,
) -> Result<Response, Refusal> {
    let grants = params.all::<Permission>("grant")?;
    let grant_all = params.flag("grant_all")?;
    let adopt_data = params.flag("adopt_data")?;
    let followed = accepts_events(request.headers());
    let source = source(&api, request).await?;
    let installation = grants
        .into_iter()
        .fold(api.supervisor.install(source), InstallRequest::grant)
        .grant_all_requested(grant_all)
        .adopt_data(adopt_data);
    if followed {
        let (sink, progress) = ProgressSink::stream();
        let installing = async move {
            match installation.progress(sink).await.map_err(Refusal::from) {
                Ok(plugin) => match details(&plugin).await {
                    Ok(details) => Message::new("installed", &details),
                    Err(refusal) => Message::new("refused", refusal.body()),
                },
                Err(refusal) => Message::new("refused", refusal.body()),
            }
        };
        return api.streams.open(told(progress, installing.boxed()));
    }
    let plugin = installation.await?;
    let mut response = (StatusCode::CREATED, Json(details(&plugin).await?)).into_response();
    // Relative to this path, wherever the embedder has put it. An id is a DNS label.
    if let Ok(location) = HeaderValue::from_str(&format!("plugins/{}", plugin.id())) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

pub(super) async fn uninstall(Named(plugin): Named, params: Params) -> Result<Json<Removed>, Refusal> {
    let data_removed = params.flag("remove_data")?;
    plugin
        .uninstall()
        .remove_data(data_removed)
        .ignore_dependents(params.flag("even_if_needed")?)
        .force(params.flag("force")?)
        .await?;
    Ok(Json(Removed {
        id: plugin.id().clone(),
        data_removed,
    }))
}

async fn details(plugin: &PluginHandle) -> Result<PluginDetails, Refusal> {
    let settings = match tokio::time::timeout(SETTINGS_WAIT, plugin.config()).await {
        Ok(kept) => Some(kept?.unwrap_or(Value::Null)),
        Err(_) => None,
    };
    Ok(PluginDetails {
        id: plugin.id().clone(),
        state: PluginStateView::of(plugin),
        permissions: Permissions::of(plugin.permissions()),
        settings,
        manifest: (*plugin.manifest()).clone(),
    })
}

/// A package by its content type, else the manifest of an image.
pub(super) async fn source(api: &Api, request: Request) -> Result<PluginSource, Refusal> {
    let (source, warnings) = source_with_warnings(api, request).await?;
    for warning in warnings {
        tracing::warn!("of the manifest: {warning}");
    }
    Ok(source)
}

/// The same, and what is worth knowing of a manifest. A package tells of its own when it is read.
pub(super) async fn source_with_warnings(
    api: &Api,
    request: Request,
) -> Result<(PluginSource, Vec<String>), Refusal> {
    // The route lets no other through.
    if media(request.headers()).as_deref() != Some(JSON) {
        let (head, body) = request.into_parts();
        return Ok((upload::receive(api, &head.headers, body).await?, Vec::new()));
    }
    let (manifest, warnings) = read_manifest(request).await?;
    Ok((manifest.into(), warnings))
}

/// A manifest with all its problems, or with what else is worth knowing about it.
async fn read_manifest(request: Request) -> Result<(Manifest, Vec<String>), Refusal> {
    let body = read_json(request).await?;
    let parsed = Manifest::from_slice(&body).map_err(|error| {
        Refusal::unfit("invalid_manifest", error.to_string()).with_details(json!({ "issues": error }))
    })?;
    let warnings = parsed.warnings.iter().map(ToString::to_string).collect();
    Ok((parsed.manifest, warnings))
}

/// Whether the caller names this media type among those that it takes.
pub(super) fn accepts(headers: &HeaderMap, media: &str) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.to_ascii_lowercase().contains(media))
}

pub(super) fn accepts_events(headers: &HeaderMap) -> bool {
    accepts(headers, "text/event-stream")
}

struct Telling {
    progress: ProgressStream,
    work: BoxFuture<'static, Message>,
    outcome: Option<Message>,
    over: bool,
}

/// What an installation or an update does, and then what came of it. Dropped, it gives the work up.
pub(super) fn told(
    progress: ProgressStream,
    work: BoxFuture<'static, Message>,
) -> impl Stream<Item = Message> {
    let telling = Telling {
        progress,
        work,
        outcome: None,
        over: false,
    };
    stream::unfold(telling, async |mut telling| {
        if telling.over {
            return None;
        }
        if telling.outcome.is_none() {
            tokio::select! {
                biased;
                // Both are cancel safe. Nothing more to tell: the outcome is near.
                Some(progress) = telling.progress.next() => return Some((step(progress), telling)),
                outcome = &mut telling.work => telling.outcome = Some(outcome),
            }
        }
        // A sink may outlive the work, in a pull that others share.
        if let Some(Some(progress)) = telling.progress.next().now_or_never() {
            return Some((step(progress), telling));
        }
        telling.over = true;
        telling.outcome.take().map(|outcome| (outcome, telling))
    })
}

fn step(progress: crate::engine::progress::Progress) -> Message {
    Message::new("progress", &ProgressView::from(progress))
}
