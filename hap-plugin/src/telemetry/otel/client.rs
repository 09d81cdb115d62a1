//! [`Client`], by which spans reach the collector.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::redirect;
use tokio::runtime::Handle;

/// Longest time for one request.
const DEADLINE: Duration = Duration::from_secs(10);

/// The HTTP client of the plugin, usable from the exporter's own thread.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    // The exporter's thread is none of the runtime's, which the client needs.
    runtime: Handle,
}

impl Client {
    /// Within a runtime.
    pub(super) fn new() -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(DEADLINE)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(1)
            .build()?;
        Ok(Self {
            http,
            runtime: Handle::current(),
        })
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let http = self.http.clone();
        // The call itself belongs there too: it sets a timer.
        let answer = self.runtime.spawn(async move { http.execute(request).await });
        let answer = answer.await?.map_err(reqwest::Error::without_url)?;
        // The status and the wish to be spared for a while are all that matters.
        let mut told = Response::new(Bytes::new());
        *told.status_mut() = answer.status();
        told.headers_mut().clone_from(answer.headers());
        Ok(told)
    }
}
