use std::{
    future::poll_fn,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    time::Duration,
};

use hyper::{
    Request,
    body::{Body as _, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

/// The largest reply that the protocol allows.
const MOST_REPLY: usize = 4 << 20;
/// Longest time for any answer but that of a health check.
const CALL: Duration = Duration::from_secs(30);

/// Asks the plugin, as the platform does.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) port: u16,
    pub(super) token: String,
}

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// The body, or a text where it is no JSON.
    pub(super) body: Value,
}

impl Reply {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status) && self.body.get("success") != Some(&Value::Bool(false))
    }

    /// The text of a refusal, wherever the plugin has put it.
    pub(super) fn error(&self) -> String {
        let text = ["error", "message", "detail", "title", "description"]
            .iter()
            .find_map(|name| self.body.get(name)?.as_str());
        text.map_or_else(|| self.body.to_string(), str::to_owned)
    }
}

impl Caller {
    pub(super) async fn get(&self, path: &str) -> Result<Reply, String> {
        self.ask("GET", path, None, CALL).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Reply, String> {
        self.ask("POST", path, Some(body), CALL).await
    }

    /// One request on a connection of its own.
    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        within: Duration,
    ) -> Result<Reply, String> {
        match timeout(within, self.exchange(method, path, body)).await {
            Ok(reply) => reply,
            Err(_) => Err(format!("no answer within {within:?}")),
        }
    }

    async fn exchange(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Reply, String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|error| format!("nothing listens at {address}: {error}"))?;
        let broken = |error: hyper::Error| format!("the answer broke off: {error}");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let connection = tokio::spawn(connection);
        let text = body.map(Value::to_string).unwrap_or_default();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", address.to_string())
            .header("authorization", format!("Bearer {}", self.token));
        if body.is_some() {
            request = request
                .header("content-type", "application/json")
                .header("content-length", text.len());
        }
        let request = request.body(text).map_err(|error| error.to_string())?;
        let replied = async {
            let response = sender.send_request(request).await.map_err(broken)?;
            let status = response.status().as_u16();
            let bytes = collect(response.into_body()).await?;
            let body = serde_json::from_slice(&bytes)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
            Ok(Reply { status, body })
        };
        let replied = replied.await;
        connection.abort();
        replied
    }
}

async fn collect(mut body: Incoming) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|error| format!("the answer broke off: {error}"))?;
        bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        if bytes.len() > MOST_REPLY {
            return Err("the answer has more than 4 MiB, the most that a platform reads".to_owned());
        }
    }
    Ok(bytes)
}
