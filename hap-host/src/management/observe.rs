//! How plugins and the supervisor do.

use std::collections::{BTreeMap, VecDeque};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    error::{Refusal, status},
    params::{Params, TAIL, since},
    plugins::accepts,
    state::{Api, Named},
    view::{
        activity::{ActivityView, InstallingList, InstallingView},
        answer::{EngineReport, Health},
        isolation::HostProblemView,
        log::{LogLineView, LogLines},
        second_container::SecondContainerView,
        usage::UsageView,
    },
};
use crate::{
    engine::stream::LogOptions,
    error::{ErrorKind, Result},
    supervisor::Supervisor,
};

const TAIL_USUAL: u32 = 200;
/// Bytes of text in one answer.
const LOG_BYTES: usize = 4 << 20;

pub(super) async fn usage(Named(plugin): Named) -> Result<Json<UsageView>, Refusal> {
    Ok(Json(plugin.usage().await?.into()))
}

pub(super) async fn activity(Named(plugin): Named) -> Json<ActivityView> {
    Json(plugin.activity().into())
}

pub(super) async fn installing(State(api): State<Api>) -> Json<InstallingList> {
    let installing = api.supervisor.installing();
    Json(InstallingList {
        installing: installing.into_iter().map(InstallingView::from).collect(),
    })
}

pub(super) async fn logs(Named(plugin): Named, params: Params) -> Result<Json<LogLines>, Refusal> {
    let tail = params.number("tail", TAIL.0..=TAIL.1)?;
    let mut options = LogOptions::default().tail(tail.unwrap_or(TAIL_USUAL));
    if let Some(since) = since(&params)? {
        options = options.since(since);
    }
    let mut stream = plugin.logs(&options);
    let (mut lines, mut bytes, mut truncated) = (VecDeque::new(), 0, false);
    while let Some(line) = stream.next().await {
        let line = line?;
        bytes += line.text.len();
        lines.push_back(LogLineView::from(line));
        while bytes > LOG_BYTES
            && let Some(oldest) = lines.pop_front()
        {
            bytes -= oldest.text.len();
            truncated = true;
        }
    }
    Ok(Json(LogLines {
        lines: lines.into(),
        truncated,
    }))
}

/// What the metrics are, without parameters: OpenMetrics, and plain text for programs that know only
/// that.
pub(super) const METRICS: [&str; 2] = ["application/openmetrics-text", "text/plain"];

pub(super) async fn metrics(State(api): State<Api>, headers: HeaderMap) -> impl IntoResponse {
    let [openmetrics, plain] = METRICS;
    let content_type = if accepts(&headers, plain) && !accepts(&headers, openmetrics) {
        // The format of Prometheus before OpenMetrics, which reads what is more here as comments.
        "text/plain; version=0.0.4; charset=utf-8"
    } else {
        Supervisor::METRICS_CONTENT_TYPE
    };
    ([(header::CONTENT_TYPE, content_type)], api.supervisor.metrics())
}

pub(super) async fn health(State(api): State<Api>) -> Result<Json<Health>, Refusal> {
    let mut phases = BTreeMap::new();
    for plugin in api.supervisor.plugins() {
        *phases.entry(plugin.state().phase.as_str().into()).or_default() += 1;
    }
    let engine = api.supervisor.capabilities();
    let info = api.supervisor.ask_engine().await.map_err(|error| {
        let message = format!(
            "the engine {} does not answer, so plugins are neither started nor stopped now: {}",
            engine.name,
            error.report()
        );
        let kind = ErrorKind::Engine;
        Refusal::new(status(kind), kind.as_str(), message).with_details(json!({ "phases": phases }))
    })?;
    let isolation = api.supervisor.isolation();
    Ok(Json(Health {
        status: "healthy".into(),
        engine: EngineReport::new(&engine, info, &isolation),
        isolation: isolation.into(),
        events_port: api.supervisor.events_port(),
        phases,
        problems: api
            .supervisor
            .problems()
            .into_iter()
            .map(HostProblemView::from)
            .collect(),
        second_containers: api
            .supervisor
            .second_containers()
            .into_iter()
            .map(SecondContainerView::from)
            .collect(),
    }))
}

pub(super) async fn document(State(api): State<Api>) -> Response {
    let content_type = [(header::CONTENT_TYPE, super::body::JSON)];
    (StatusCode::OK, content_type, api.document.to_string()).into_response()
}
