//! HTTP to one plugin. Every reply is hostile input: limited in size and time, no redirect is
//! followed, and a failure of the transport never looks like an answer.

pub(crate) mod concurrency;
pub(crate) mod http;
mod ids;
pub(crate) mod options;
pub(crate) mod probe;
mod refusal;
mod reply;
#[cfg(test)]
mod tests;

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use hap_manifest::{
    ApiToken, PluginId, TraceParent,
    wire::{CommandRequest, CommandResponse, ConfigAck, StatusReport},
};
use hyper::{
    Method, Request, Uri,
    header::{self, HeaderValue},
    http::uri::{Authority, Scheme},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument as _;

use self::{
    http::{Broken, Cut, Http, read_body},
    ids::Ids,
    options::{CallOptions, id_header},
    reply::{answer, describe, invalid},
};
use crate::error::{Error, ErrorKind};

/// Largest body of a request to a plugin.
const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Largest body of a plugin's reply.
const MAX_REPLY_BYTES: usize = 4 << 20;
/// Connections that are kept open to one plugin.
const IDLE_CONNECTIONS: usize = 16;
/// Pauses before a command with an idempotency key is sent again.
const REPEAT_PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// A client for one run of one plugin, so that no pooled connection outlives the process behind it.
#[derive(Clone)]
pub(crate) struct PluginClient(Arc<Run>);

/// What all calls to one run share, made once: every call would pay for it otherwise.
struct Run {
    http: Http,
    address: SocketAddr,
    authority: Authority,
    plugin: PluginId,
    /// The token that this run of the plugin was given, as a header.
    authorization: HeaderValue,
    ids: Ids,
}

/// What is sent, as often as it may be sent.
struct Call<'a> {
    method: Method,
    path: &'a str,
    body: Option<Bytes>,
    options: &'a CallOptions,
}

impl PluginClient {
    pub(crate) fn new(plugin: PluginId, token: &ApiToken, address: SocketAddr) -> Result<Self, Error> {
        let unusable =
            |what: &str| Error::new(ErrorKind::Engine, format!("{what} cannot be part of a request"));
        let authority = Authority::try_from(address.to_string())
            .map_err(|error| unusable("its address").with_source(error))?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .map_err(|_| unusable("its token"))?;
        authorization.set_sensitive(true);
        Ok(Self(Arc::new(Run {
            http: Http::new(IDLE_CONNECTIONS),
            address,
            authority,
            plugin,
            authorization,
            ids: Ids::new(),
        })))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }

    pub(crate) async fn command(
        &self,
        path: &str,
        command: &CommandRequest,
        options: &CallOptions,
    ) -> Result<CommandResponse, Error> {
        let body = Some(self.body(command)?);
        self.call(Method::POST, path, body, options).await
    }

    pub(crate) async fn configure(
        &self,
        path: &str,
        config: &Value,
        options: &CallOptions,
    ) -> Result<ConfigAck, Error> {
        let body = Some(self.body(config)?);
        self.call(Method::POST, path, body, options).await
    }

    pub(crate) async fn status(&self, path: &str, options: &CallOptions) -> Result<StatusReport, Error> {
        self.call(Method::GET, path, None, options).await
    }

    fn body(&self, body: &impl Serialize) -> Result<Bytes, Error> {
        request_body(body).map_err(|error| error.with_plugin(&self.0.plugin))
    }

    async fn call<R: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        options: &CallOptions,
    ) -> Result<R, Error> {
        let ids = &self.0.ids;
        let trace = match options.trace {
            Some(parent) => parent.child(ids.eight()),
            None => TraceParent::new(ids.sixteen(), ids.eight(), true),
        };
        let id = options.request_id.clone().unwrap_or_else(|| ids.request());
        let span = tracing::info_span!(
            "plugin call", plugin = %self.0.plugin, %path, request_id = %id, trace_id = %trace.trace_id(),
            span_id = %trace.span_id()
        );
        let call = Call {
            method,
            path,
            body,
            options,
        };
        let started = Instant::now();
        let done = async {
            let sent = self.send(&call, &id, trace, started);
            let result = tokio::time::timeout(options.timeout, sent)
                .await
                .unwrap_or_else(|_| {
                    let limit = options.timeout;
                    let message = format!(
                        "no complete answer from {path} within {limit:?}; what was asked may still happen"
                    );
                    Err(Error::new(ErrorKind::Timeout, message))
                });
            let (elapsed, outcome) = (started.elapsed(), result.as_ref().err().map(Error::kind));
            tracing::debug!(
                ?elapsed,
                failed = outcome.map(ErrorKind::as_str),
                "plugin call ended"
            );
            result
        };
        done.instrument(span)
            .await
            .map_err(|error: Error| error.with_plugin(&self.0.plugin))
    }

    /// Sends it, and again only where it changes nothing, or where the caller said how the plugin can
    /// tell.
    async fn send<R: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        id: &str,
        trace: TraceParent,
        started: Instant,
    ) -> Result<R, Error> {
        let mut pauses = REPEAT_PAUSES
            .iter()
            .filter(|_| call.options.idempotency_key.is_some());
        let mut may_ask_again = call.method.is_safe();
        let mut fresh = None;
        loop {
            let request = self.request(call, id, trace)?;
            let http = fresh.as_ref().unwrap_or(&self.0.http);
            let error = match self.send_once(http, call.path, request).await {
                Err(error) if matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::Interrupted) => {
                    error
                }
                settled => return settled,
            };
            // Another kept connection may be as stale as the one before.
            fresh.get_or_insert_with(Http::unpooled);
            if may_ask_again && error.kind() == ErrorKind::Interrupted {
                may_ask_again = false;
                tracing::debug!(error = %error, "asked again on a connection of its own");
                continue;
            }
            match pauses.next() {
                Some(pause) if started.elapsed() + *pause < call.options.timeout => {
                    tracing::debug!(error = %error, "sent again under its idempotency key");
                    tokio::time::sleep(*pause).await;
                }
                _ => return Err(error),
            }
        }
    }

    async fn send_once<R: DeserializeOwned>(
        &self,
        http: &Http,
        path: &str,
        request: Request<Body>,
    ) -> Result<R, Error> {
        let sent = http.send(request).await;
        let response = sent.map_err(|broken| self.transport(&broken))?;
        let status = response.status();
        let body = read_body(response.into_body(), MAX_REPLY_BYTES)
            .await
            .map_err(|cut| match cut {
                Cut::TooLarge => invalid(path, &format!("its reply is larger than {MAX_REPLY_BYTES} bytes")),
                Cut::Broken(broken) => self.transport(&broken),
            })?;
        answer(path, status, &body)
    }

    fn request(&self, call: &Call<'_>, id: &str, trace: TraceParent) -> Result<Request<Body>, Error> {
        let unusable =
            |error| Error::new(ErrorKind::InvalidInput, "the request cannot be sent").with_source(error);
        let to = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.0.authority.clone())
            .path_and_query(call.path)
            .build()
            .map_err(unusable)?;
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(to)
            .header(header::ACCEPT, "*/*")
            .header(header::AUTHORIZATION, self.0.authorization.clone())
            .header("x-request-id", id_header("request id", id)?)
            // A plugin that knows it gives up work whose answer nobody waits for any more.
            .header("x-request-timeout-ms", call.options.timeout_millis())
            .header(TraceParent::HEADER, trace.to_string());
        if let Some(key) = &call.options.idempotency_key {
            request = request.header("idempotency-key", id_header("idempotency key", key)?);
        }
        let body = match &call.body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.clone())
            }
            None => Body::empty(),
        };
        request.body(body).map_err(unusable)
    }

    fn transport(&self, broken: &Broken) -> Error {
        let kind = if broken.connecting {
            ErrorKind::Unreachable
        } else {
            ErrorKind::Interrupted
        };
        Error::new(kind, describe(broken, self.0.address))
    }
}

/// A value as the body of a request, or why it is none.
pub(crate) fn request_body(body: &(impl Serialize + ?Sized)) -> Result<Bytes, Error> {
    let bytes = serde_json::to_vec(body).map_err(|error| {
        Error::new(ErrorKind::InvalidInput, "the request cannot be written as JSON").with_source(error)
    })?;
    if bytes.len() > MAX_REQUEST_BYTES {
        let message = format!(
            "the request has {} bytes, at most {MAX_REQUEST_BYTES} are sent",
            bytes.len()
        );
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    Ok(bytes.into())
}

impl fmt::Debug for PluginClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginClient")
            .field("plugin", &self.0.plugin)
            .field("address", &self.0.address)
            .finish_non_exhaustive()
    }
}
