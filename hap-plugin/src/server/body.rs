//! Reads request bodies: JSON, of bounded length, within a bounded time.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::{HeaderMap, header};

use crate::error::{Fault, Result};
use crate::server::bounded::begin;

/// Longest time for a body to arrive.
const DEADLINE: Duration = Duration::from_secs(10);

/// Reads the whole body of a request that says it is JSON, or does not say what it is.
pub(crate) async fn read_json_body(request: Request, limit: usize) -> Result<Bytes> {
    check_content_type(request.headers())?;
    let mut body = pin!(collect(request, limit));
    // Most bodies have come with their head.
    if let Poll::Ready(body) = begin(body.as_mut()).await {
        return body;
    }
    match tokio::time::timeout(DEADLINE, body).await {
        Ok(body) => body,
        Err(_) => Err(Fault::new(
            408,
            "body_too_slow",
            format!("the body did not arrive within {DEADLINE:?}"),
        )),
    }
}

fn check_content_type(headers: &HeaderMap) -> Result<()> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    if value == "application/json" {
        return Ok(());
    }
    let text = String::from_utf8_lossy(value.as_bytes());
    let media = text
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if media == "application/json" || (media.starts_with("application/") && media.ends_with("+json")) {
        return Ok(());
    }
    let message = format!("the body must be JSON with `content-type: application/json`, not {media:?}");
    Err(Fault::new(415, "unsupported_media_type", message))
}

async fn collect(request: Request, limit: usize) -> Result<Bytes> {
    let too_long = || {
        Fault::new(
            413,
            "body_too_long",
            format!("the body may have at most {limit} bytes"),
        )
    };
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > limit) {
        return Err(too_long());
    }
    // Most bodies come in one piece, which is then the whole.
    let mut first = Bytes::new();
    let mut body = BytesMut::new();
    let mut stream = request.into_body().into_data_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| {
            Fault::new(400, "body_incomplete", "the body ended before it was complete").with_cause(error)
        })?;
        if first.len() + body.len() + chunk.len() > limit {
            return Err(too_long());
        }
        if first.is_empty() && body.is_empty() {
            first = chunk;
            continue;
        }
        body.extend_from_slice(&std::mem::take(&mut first));
        body.extend_from_slice(&chunk);
    }
    Ok(if body.is_empty() { first } else { body.freeze() })
}
