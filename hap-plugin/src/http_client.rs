//! [`HttpClient`]: plain HTTP to a known address, for events, spans and the health check.
//!
//! It knows no TLS and no proxy and follows no redirect: a signed event goes to the platform and
//! nowhere else. It imports no room.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

/// Longest time for a connection to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest time that a connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(90);
/// Silence after which the system asks whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Sends requests over one connection, which it keeps for the next. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    client: Client<HttpConnector, Body>,
    deadline: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    #[error(transparent)]
    Failed(#[from] hyper_util::client::legacy::Error),
}

impl HttpClient {
    /// `deadline` is for the head of each answer.
    pub(crate) fn new(deadline: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT));
        connector.set_keepalive(Some(KEEPALIVE));
        // Requests are written at once; waiting to fill a packet only delays them.
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(1)
            .build(connector);
        Self { client, deadline }
    }

    pub(crate) async fn send(&self, request: Request<Bytes>) -> Result<Response<Incoming>, HttpError> {
        match timeout(self.deadline, self.client.request(request.map(Body::from))).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(HttpError::TimedOut(self.deadline)),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{StatusCode, header};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn get(listener: &TcpListener) -> Request<Bytes> {
        let address = listener.local_addr().unwrap();
        Request::get(format!("http://{address}/"))
            .body(Bytes::new())
            .unwrap()
    }

    #[tokio::test]
    async fn one_connection_serves_several_requests_and_no_redirect_is_followed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let requests = [get(&listener), get(&listener)];
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 1024];
            while stream.read(&mut buffer).await.unwrap() > 0 {
                let answer =
                    "HTTP/1.1 307 Elsewhere\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        };
        let client = HttpClient::new(Duration::from_secs(10));
        let calls = async {
            for request in requests {
                let answer = client.send(request).await.unwrap();
                assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
                assert!(answer.headers().contains_key(header::LOCATION));
            }
        };
        tokio::select! {
            () = calls => {}
            () = server => panic!("the connection was closed in between"),
        }
    }

    #[tokio::test]
    async fn who_does_not_answer_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let error = HttpClient::new(Duration::from_millis(20))
            .send(get(&listener))
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "no answer within 20ms");
    }
}
