//! [`Client`], by which spans reach the collector.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient as OtelClient, HttpError};
use tokio::runtime::Handle;

use crate::http_client::HttpClient;

/// Longest time for one request.
const DEADLINE: Duration = Duration::from_secs(10);

/// The HTTP client of the plugin, usable from the exporter's own thread.
#[derive(Debug)]
pub(super) struct Client {
    http: HttpClient,
    // The exporter's thread is none of the runtime's, which the client needs.
    runtime: Handle,
}

impl Client {
    /// Within a runtime.
    pub(super) fn new() -> Self {
        Self {
            http: HttpClient::new(DEADLINE),
            runtime: Handle::current(),
        }
    }
}

#[async_trait]
impl OtelClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        // The call itself belongs there too: it sets a timer.
        let answer = self.runtime.spawn(async move { http.send(request).await });
        // The status and the wish to be spared for a while are all that matters.
        Ok(answer.await??.map(|_| Bytes::new()))
    }
}
