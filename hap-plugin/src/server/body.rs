//! Reads request bodies: JSON, of bounded length, within a bounded time.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::{HeaderMap, header};
use tokio_util::sync::CancellationToken;

use crate::error::{Fault, Result};
use crate::server::bounded::begin;
use crate::server::lifecycle::stopping;

/// Longest time for a body to arrive.
const DEADLINE: Duration = Duration::from_secs(10);
/// What some programs put before a text in UTF-8. RFC 8259, section 8.1, lets a reader pass over it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads the whole body of a request that says it is JSON, or does not say what it is. Once `stop`
/// is cancelled, what has not arrived is waited for no more.
pub(crate) async fn read_json_body(
    request: Request,
    limit: usize,
    stop: &CancellationToken,
) -> Result<Bytes> {
    check_content_type(request.headers())?;
    check_content_encoding(request.headers())?;
    let mut body = pin!(collect(request, limit));
    // Most bodies have come with their head.
    let body = match begin(body.as_mut()).await {
        Poll::Ready(body) => body?,
        Poll::Pending => tokio::select! {
            arrived = tokio::time::timeout(DEADLINE, body) => arrived.map_err(|_| Fault::new(
                408,
                "body_too_slow",
                format!("the body did not arrive within {DEADLINE:?}"),
            ))??,
            () = stop.cancelled() => return Err(stopping()),
        },
    };
    Ok(if body.starts_with(BYTE_ORDER_MARK) {
        body.slice(BYTE_ORDER_MARK.len()..)
    } else {
        body
    })
}

fn check_content_encoding(headers: &HeaderMap) -> Result<()> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            let encoding = String::from_utf8_lossy(encoding.as_bytes());
            let message =
                format!("the body must not be compressed, and `content-encoding` says {encoding:?}");
            Err(Fault::new(415, "unsupported_media_type", message))
        }
        _ => Ok(()),
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
