//! HTTP to one plugin. Every reply is hostile input: limited in size and time, no redirect is followed, and a
//! failure of the transport never looks like an answer.

use std::{net::SocketAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use hap_manifest::{
    ApiToken, PluginId, TraceParent,
    wire::{CommandRequest, CommandResponse, ConfigAck, HealthReport, HealthStatus, StatusReport, WireError},
};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header, redirect};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    error::{Error, ErrorKind, report},
    reconcile::ProbeResult,
};

/// Largest body of a request to a plugin.
const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Largest body of a plugin's reply.
const MAX_REPLY_BYTES: usize = 4 << 20;
/// Largest body of a health report; more is not read.
const MAX_HEALTH_BYTES: usize = 64 << 10;
/// A plugin on this machine accepts a connection in well under a millisecond.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest text of a plugin that enters an error message.
const MAX_QUOTED_CHARS: usize = 300;

/// Who is called, and with which token.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub plugin: PluginId,
    pub token: ApiToken,
}

/// A client for one run of one plugin, so that no pooled connection outlives the process behind it.
#[derive(Debug, Clone)]
pub(crate) struct PluginClient {
    http: Client,
    address: SocketAddr,
}

fn client(idle_connections: usize) -> Result<Client, Error> {
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(idle_connections)
        .build()
        .map_err(|error| Error::new(ErrorKind::Engine, "the HTTP client cannot be made").with_source(error))
}

/// A client for health probes: each on a connection of its own, because a pooled one may lead to a process that
/// is gone and would make a plugin look dead that has just come back.
pub(crate) fn probe_client() -> Result<Client, Error> {
    client(0)
}

/// Asks for the plugin's health once.
pub(crate) async fn probe(http: &Client, address: SocketAddr, path: &str, timeout: Duration) -> ProbeResult {
    let deadline = tokio::time::Instant::now() + timeout;
    let asked = async {
        let sent = http.get(url(address, path)).send();
        let response = match tokio::time::timeout_at(deadline, sent).await {
            Ok(sent) => sent.map_err(|error| describe(&error, address))?,
            Err(_) => return Err(format!("no answer from {path} within {timeout:?}")),
        };
        let status = response.status();
        // The status alone decides; a body that is cut, late or no JSON takes nothing away from it.
        let body = tokio::time::timeout_at(deadline, read_body(response, MAX_HEALTH_BYTES)).await;
        let body = body.ok().and_then(Result::ok).unwrap_or_default();
        let report = serde_json::from_slice::<HealthReport>(&body).ok();
        let message = report
            .as_ref()
            .and_then(|report| report.message.as_deref())
            .map(quote);
        if status.is_success() {
            let degraded = report.is_some_and(|report| report.status_kind() == HealthStatus::Degraded);
            return Ok(ProbeResult::Answered { degraded, message });
        }
        let said = message.map(|message| format!(": {message}")).unwrap_or_default();
        Err(format!("{path} answered HTTP {}{said}", status.as_u16()))
    };
    asked.await.unwrap_or_else(ProbeResult::Missed)
}

impl PluginClient {
    pub(crate) fn new(address: SocketAddr) -> Result<Self, Error> {
        Ok(Self {
            http: client(16)?,
            address,
        })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn command(
        &self,
        caller: &Caller,
        path: &str,
        command: &CommandRequest,
        timeout: Duration,
    ) -> Result<CommandResponse, Error> {
        self.call(caller, Method::POST, path, Some(command), timeout)
            .await
    }

    pub(crate) async fn configure(
        &self,
        caller: &Caller,
        path: &str,
        config: &Value,
        timeout: Duration,
    ) -> Result<ConfigAck, Error> {
        self.call(caller, Method::POST, path, Some(config), timeout).await
    }

    pub(crate) async fn status(
        &self,
        caller: &Caller,
        path: &str,
        timeout: Duration,
    ) -> Result<StatusReport, Error> {
        self.call::<(), _>(caller, Method::GET, path, None, timeout).await
    }

    async fn call<B, R>(
        &self,
        caller: &Caller,
        method: Method,
        path: &str,
        body: Option<&B>,
        timeout: Duration,
    ) -> Result<R, Error>
    where
        B: Serialize + Sync + ?Sized,
        R: DeserializeOwned,
    {
        let request = self.request(caller, method, path, body)?;
        let sent = async {
            let response = request.send().await.map_err(|error| self.transport(&error))?;
            let status = response.status();
            let body = read_body(response, MAX_REPLY_BYTES)
                .await
                .map_err(|cut| match cut {
                    Cut::TooLarge => {
                        invalid(path, &format!("its reply is larger than {MAX_REPLY_BYTES} bytes"))
                    }
                    Cut::Broken(error) => self.transport(&error),
                })?;
            answer(path, status, &body)
        };
        match tokio::time::timeout(timeout, sent).await {
            Ok(result) => result,
            Err(_) => Err(Error::new(
                ErrorKind::Timeout,
                format!("no complete answer from {path} within {timeout:?}; what was asked may still happen"),
            )),
        }
        .map_err(|error| error.with_plugin(&caller.plugin))
    }

    fn request<B: Serialize + ?Sized>(
        &self,
        caller: &Caller,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<RequestBuilder, Error> {
        let mut request = self
            .http
            .request(method, url(self.address, path))
            .bearer_auth(caller.token.expose())
            .header("x-request-id", uuid::Uuid::now_v7().to_string())
            .header("traceparent", new_trace());
        if let Some(body) = body {
            let bytes = serde_json::to_vec(body).map_err(|error| {
                Error::new(ErrorKind::InvalidInput, "the request cannot be written as JSON")
                    .with_source(error)
            })?;
            if bytes.len() > MAX_REQUEST_BYTES {
                let message = format!(
                    "the request has {} bytes, at most {MAX_REQUEST_BYTES} are sent",
                    bytes.len()
                );
                return Err(Error::new(ErrorKind::InvalidInput, message).with_plugin(&caller.plugin));
            }
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(bytes);
        }
        Ok(request)
    }

    fn transport(&self, error: &reqwest::Error) -> Error {
        let kind = if error.is_connect() {
            ErrorKind::Unreachable
        } else {
            ErrorKind::Interrupted
        };
        Error::new(kind, describe(error, self.address))
    }
}

fn url(address: SocketAddr, path: &str) -> String {
    format!("http://{address}{path}")
}

/// A trace of its own for each call; a caller's trace is joined where one is handed down.
fn new_trace() -> String {
    let mut ids = [0_u8; 24];
    // Without randomness the ids are zero, which the receiver ignores: tracing is lost, the call is not.
    let _ = getrandom::fill(&mut ids);
    let (trace, span) = ids.split_at(16);
    let trace = <[u8; 16]>::try_from(trace).unwrap_or_default();
    let span = <[u8; 8]>::try_from(span).unwrap_or_default();
    TraceParent::new(trace, span, true).to_string()
}

/// Turns a complete reply into an answer or a refusal.
fn answer<R: DeserializeOwned>(path: &str, status: StatusCode, body: &[u8]) -> Result<R, Error> {
    let code = status.as_u16();
    if status.is_redirection() {
        return Err(invalid(
            path,
            &format!("it answered HTTP {code}, and redirects are not followed"),
        ));
    }
    let value = serde_json::from_slice::<Value>(body);
    if !status.is_success() {
        let wire = value
            .ok()
            .and_then(|value| serde_json::from_value::<WireError>(value).ok());
        let wire = wire.unwrap_or_else(|| {
            let text = String::from_utf8_lossy(body);
            let text = text.trim();
            WireError::new(if text.is_empty() {
                status.to_string()
            } else {
                quote(text)
            })
        });
        return Err(refusal(path, code, wire));
    }
    let value = value.map_err(|error| invalid(path, "its reply is no valid JSON").with_source(error))?;
    if value.get("success") == Some(&Value::Bool(false)) {
        let wire =
            serde_json::from_value(value).unwrap_or_else(|_| WireError::new("refused without saying why"));
        return Err(refusal(path, code, wire));
    }
    serde_json::from_value(value).map_err(|error| {
        invalid(path, "its reply has another shape than the protocol says").with_source(error)
    })
}

fn refusal(path: &str, code: u16, wire: WireError) -> Error {
    let message = format!("{path} was refused with HTTP {code}: {}", quote(&wire.error));
    Error::new(ErrorKind::Rejected, message).with_wire(wire)
}

fn invalid(path: &str, message: &str) -> Error {
    Error::new(
        ErrorKind::InvalidReply,
        format!("{path} did not answer by the protocol: {message}"),
    )
}

enum Cut {
    TooLarge,
    Broken(reqwest::Error),
}

async fn read_body(mut response: Response, limit: usize) -> Result<Bytes, Cut> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(Cut::Broken)? {
        if body.len() + chunk.len() > limit {
            return Err(Cut::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Says what went wrong on the way in the words of the innermost cause.
fn describe(error: &reqwest::Error, address: SocketAddr) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if error.is_connect() {
        return format!("cannot connect to {address}: {innermost}");
    }
    format!("the connection to {address} broke: {}", report(innermost))
}

/// A plugin's text for an error message: shortened, and without control characters that could forge log lines.
fn quote(text: &str) -> String {
    let mut quoted: String = text
        .chars()
        .take(MAX_QUOTED_CHARS)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(MAX_QUOTED_CHARS).is_some() {
        quoted.push_str("...");
    }
    quoted
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
