//! One request and its answer, both bounded.

use std::{future::Future, time::Duration};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use hap_manifest::PluginId;
use hyper::{
    Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Client,
    connect::Reply,
    error::{ClientError, ClientErrorKind},
    operation::Operation,
    options::Package,
};

/// Most bytes of an answer.
const MOST: usize = 16 << 20;

/// A call that is being put together.
#[derive(Debug)]
pub(super) struct Call<'a> {
    client: &'a Client,
    operation: Operation,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
    limit: Duration,
    /// What is wrong with what it was given, found while it was put together.
    wrong: Option<ClientError>,
}

impl Client {
    pub(super) fn call(&self, operation: Operation) -> Call<'_> {
        self.call_at(operation, operation.path().to_owned())
    }

    pub(super) fn call_of(&self, operation: Operation, plugin: &PluginId) -> Call<'_> {
        // An id is made of letters that need no escape.
        self.call_at(operation, operation.path().replace("{id}", plugin.as_str()))
    }

    fn call_at(&self, operation: Operation, path: String) -> Call<'_> {
        let agent = HeaderValue::from_static(concat!("hap-host/", env!("CARGO_PKG_VERSION")));
        let mut headers = vec![(USER_AGENT, agent)];
        // Whatever a token is made of fits into a header.
        let token = self
            .token
            .as_ref()
            .map(|token| format!("Bearer {}", token.expose()));
        if let Some(Ok(mut value)) = token.map(|token| HeaderValue::from_str(&token)) {
            value.set_sensitive(true);
            headers.push((AUTHORIZATION, value));
        }
        Call {
            client: self,
            operation,
            path,
            headers,
            body: Bytes::new(),
            limit: self.timeout.unwrap_or(operation.limit()),
            wrong: None,
        }
    }
}

impl Call<'_> {
    pub(super) fn query(mut self, name: &str, value: &str) -> Self {
        let separator = if self.path.contains('?') { '&' } else { '?' };
        let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
        self.path.push_str(&format!("{separator}{name}={value}"));
        self
    }

    pub(super) fn flag(self, name: &str, is_set: bool) -> Self {
        if is_set { self.query(name, "true") } else { self }
    }

    pub(super) fn maybe(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.query(name, &value.to_string()),
            None => self,
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: Option<&str>) -> Self {
        match value.map(HeaderValue::from_str) {
            Some(Ok(value)) => self.headers.push((HeaderName::from_static(name), value)),
            Some(Err(_)) => {
                let why = format!("{name} has letters that no header may have");
                self.wrong = Some(ClientError::usage(why));
            }
            None => {}
        }
        self
    }

    pub(super) const fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    pub(super) fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => self.body = body.into(),
            Err(error) => self.wrong = Some(ClientError::usage(format!("this is no JSON: {error}"))),
        }
        self.media("application/json")
    }

    /// What takes nothing says so by its content type.
    pub(super) fn empty(mut self) -> Self {
        self.body = Bytes::from_static(b"{}");
        self.media("application/json")
    }

    pub(super) fn package(mut self, package: Package) -> Self {
        match package {
            Package::Zip(bytes) => {
                self.body = bytes;
                self.media("application/zip")
            }
            Package::Manifest(manifest) => self.json(&manifest),
        }
    }

    fn media(mut self, media: &'static str) -> Self {
        self.headers.push((CONTENT_TYPE, HeaderValue::from_static(media)));
        self
    }

    pub(super) fn accept(mut self, media: &'static str) -> Self {
        self.headers.push((ACCEPT, HeaderValue::from_static(media)));
        self
    }

    /// Sends it and reads an answer of a type.
    pub(super) async fn answer<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        let operation = self.operation;
        let body = self.bytes().await?;
        serde_json::from_slice(&body).map_err(|error| {
            let message = format!("the answer to {} cannot be read: {error}", operation.name());
            ClientError::new(ClientErrorKind::InvalidReply, message)
        })
    }

    /// Sends it and reads the whole answer.
    pub(super) async fn bytes(self) -> Result<Bytes, ClientError> {
        let (limit, client) = (self.limit, self.client);
        let whole = async { read(self.send_unbounded().await?).await };
        within(limit, client.place(), whole).await
    }

    /// Sends it and returns what begins to come, whose end is not waited for.
    pub(super) async fn begin(self) -> Result<Reply, ClientError> {
        let (limit, client) = (self.limit, self.client);
        within(limit, client.place(), self.send_unbounded()).await
    }

    async fn send_unbounded(self) -> Result<Reply, ClientError> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let mut request = Request::builder()
            .method(self.operation.method())
            .uri(self.path)
            .body(Body::from(self.body))
            .map_err(|error| ClientError::usage(format!("this cannot be asked: {error}")))?;
        request.headers_mut().extend(self.headers);
        let reply = self.client.place.send(request).await?;
        let status = reply.status;
        if status.is_success() {
            return Ok(reply);
        }
        let place = self.client.place();
        if status.is_redirection() {
            let message =
                format!("{place} sends its callers elsewhere: name the address where the host itself is");
            return Err(ClientError::new(ClientErrorKind::InvalidReply, message));
        }
        let body = read(reply).await?;
        Err(refusal(status, &body, place))
    }
}

async fn within<T>(
    limit: Duration,
    place: &str,
    work: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        let message = format!("{place} did not answer within {limit:?}; what was asked may still happen");
        Err(ClientError::new(ClientErrorKind::Timeout, message))
    })
}

async fn read(mut reply: Reply) -> Result<Bytes, ClientError> {
    let mut whole = BytesMut::new();
    while let Some(piece) = reply.chunk().await? {
        if whole.len() + piece.len() > MOST {
            let message = format!("{} answers with more than {MOST} bytes", reply.place());
            return Err(ClientError::new(ClientErrorKind::InvalidReply, message));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// A refusal in the shape that all of them have. Anything else is not from a management API.
fn refusal(status: StatusCode, body: &[u8], place: &str) -> ClientError {
    match serde_json::from_slice::<Value>(body) {
        Ok(body) if body.get("error").is_some_and(Value::is_string) => {
            ClientError::refused(Some(status.as_u16()), &body)
        }
        _ => {
            let message = format!(
                "{place} answers {status}, and not as a management API does: is it the right address?"
            );
            ClientError::new(ClientErrorKind::InvalidReply, message)
        }
    }
}
