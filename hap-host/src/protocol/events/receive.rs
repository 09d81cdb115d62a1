//! The HTTP side: one route, from the request to the answer.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    Extension, Json, Router,
    extract::{Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use bytes::Bytes;
use hap_manifest::{PluginId, TraceParent, wire::Event};
use serde_json::json;
use tokio::sync::Semaphore;
use tracing::{Instrument as _, field};

use super::{
    auth::Proof,
    body,
    concurrency::Admission,
    credentials::Credentials,
    decode,
    rate::{EventRateLimit, RateLimiter},
    rejection::Refusal,
};
use crate::{
    metrics::{Metrics, counters::add},
    store::{Store, append::Appended},
};

/// Bodies from this size on are checked and parsed off the runtime's own threads.
const LARGE: usize = 64 * 1024;
/// Large bodies that are parsed at once: each may take much more memory than its bytes.
const LARGE_AT_ONCE: usize = 2;
/// Time for the disk. After it the sender is told to come again, though the events may yet be
/// stored: sent again under the same id, they are stored once.
const STORE_DEADLINE: Duration = Duration::from_secs(10);
/// When to come again after a failure of the disk.
const STORE_RETRY: Duration = Duration::from_secs(5);

/// The address that a request came from. The listener puts it into the request's extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// What the route needs.
#[derive(Debug, Clone)]
pub(super) struct Receiver(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Store,
    credentials: Credentials,
    admission: Arc<Admission>,
    rate: RateLimiter,
    large: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl Receiver {
    pub(super) fn new(
        store: Store,
        credentials: Credentials,
        rate: EventRateLimit,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self(Arc::new(Shared {
            store,
            credentials,
            admission: Arc::default(),
            rate: RateLimiter::new(rate),
            large: Arc::new(Semaphore::new(LARGE_AT_ONCE)),
            metrics,
        }))
    }

    pub(super) fn router(self) -> Router {
        Router::new()
            .route(
                "/plugins/{id}/api/v1/events",
                post(receive).fallback(no_such_method),
            )
            .fallback(no_such_path)
            .with_state(self)
    }
}

async fn no_such_path() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is nothing here; events go to PLATFORM_API_URL and /events after it",
    )
    .closing()
}

async fn no_such_method() -> Refusal {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "events are sent with POST",
    )
    .closing()
}

async fn receive(
    State(receiver): State<Receiver>,
    id: Result<Path<String>, PathRejection>,
    peer: Option<Extension<Peer>>,
    request: Request,
) -> Response {
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Extension(Peer(address))| {
        address
    });
    // Whatever is no id is a plugin that nobody knows.
    let plugin = id.ok().and_then(|Path(id)| PluginId::new(&id).ok());
    let trace = trace(request.headers());
    let span = tracing::info_span!(
        "event intake",
        plugin = plugin.as_ref().map(field::display),
        trace_id = trace.map(|trace| trace.trace_id()),
    );
    match receiver
        .accept(plugin, peer, trace, request)
        .instrument(span)
        .await
    {
        Ok(appended) => {
            let duplicates = appended.iter().filter(|appended| appended.duplicate).count();
            let accepted = appended.len() - duplicates;
            let body = json!({ "success": true, "accepted": accepted, "duplicates": duplicates });
            (StatusCode::ACCEPTED, Json(body)).into_response()
        }
        Err(refusal) => {
            receiver.0.metrics.refused_events.add(refusal.code());
            refusal.into_response()
        }
    }
}

/// The trace that a request belongs to. One that is odd counts as none, and so do several.
fn trace(headers: &HeaderMap) -> Option<TraceParent> {
    let mut all = headers.get_all(TraceParent::HEADER).iter();
    let header = all.next().filter(|_| all.next().is_none())?;
    TraceParent::parse(header.to_str().ok()?)
}

impl Receiver {
    async fn accept(
        &self,
        plugin: Option<PluginId>,
        peer: IpAddr,
        trace: Option<TraceParent>,
        request: Request,
    ) -> Result<Vec<Appended>, Refusal> {
        let Shared {
            store,
            credentials,
            admission,
            rate,
            ..
        } = &*self.0;
        let (head, body) = request.into_parts();
        let name = plugin.as_ref().map_or_else(String::new, ToString::to_string);
        let mut admitted = admission.admit((peer, name)).ok_or_else(|| {
            Refusal::too_many(
                "too_many_requests",
                "too many requests at once",
                Duration::from_secs(1),
            )
            .closing()
        })?;
        let now = SystemTime::now();
        let proof =
            Proof::read(&head.headers, plugin.as_ref(), credentials, now).map_err(Refusal::closing)?;
        body::check_headers(&head.headers)?;
        let body = body::read(body, &mut admitted).await?;
        let bytes = body.len();

        let now = SystemTime::now();
        let (plugin, events) = self.examine(plugin, proof, body, (trace, now)).await?;
        rate.take(&plugin, events.len(), bytes).map_err(|wait| {
            Refusal::too_many(
                "too_many_events",
                "the plugin sends more events, or more bytes, than its rate allows",
                wait,
            )
        })?;
        let appending = store.append_events(plugin.clone(), events, now);
        match tokio::time::timeout(STORE_DEADLINE, appending).await {
            Ok(Ok(appended)) => {
                self.count(&plugin, &appended);
                tracing::debug!(events = appended.len(), "events are on the disk");
                Ok(appended)
            }
            Ok(Err(error)) => {
                tracing::error!(%plugin, error = error.report(), "events could not be stored");
                Err(Refusal::unavailable(
                    "the events could not be stored",
                    STORE_RETRY,
                ))
            }
            Err(_) => {
                tracing::error!(%plugin, "events were not stored in time");
                Err(Refusal::unavailable(
                    "the events were not stored in time",
                    STORE_RETRY,
                ))
            }
        }
    }

    fn count(&self, plugin: &PluginId, appended: &[Appended]) {
        // Only for one that is installed: whoever has proved itself may have been removed since.
        if let Some(counters) = self.0.metrics.plugin(plugin) {
            let duplicates = appended.iter().filter(|appended| appended.duplicate).count();
            let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
            add(&counters.events, count(appended.len() - duplicates));
            add(&counters.duplicate_events, count(duplicates));
        }
    }

    /// Checks the proof over the body and reads the events out of it.
    async fn examine(
        &self,
        plugin: Option<PluginId>,
        proof: Proof,
        body: Bytes,
        (trace, now): (Option<TraceParent>, SystemTime),
    ) -> Result<(PluginId, Vec<Event>), Refusal> {
        let keys = Proof::keys(plugin.as_ref(), &self.0.credentials);
        let large = body.len() >= LARGE;
        let examine = move || {
            proof.check(keys.as_deref(), &body, now)?;
            let plugin = plugin.ok_or_else(Refusal::unauthorized)?;
            let events = decode::events(&plugin, &body, proof.message(), trace, now)?;
            Ok((plugin, events))
        };
        if !large {
            return examine();
        }
        let broken = |_| Refusal::unavailable("the request could not be examined", STORE_RETRY);
        let permit = Arc::clone(&self.0.large)
            .acquire_owned()
            .await
            .map_err(|_| Refusal::unavailable("the platform is shutting down", STORE_RETRY))?;
        tokio::task::spawn_blocking(move || {
            let examined = examine();
            drop(permit);
            examined
        })
        .await
        .map_err(broken)?
    }
}
