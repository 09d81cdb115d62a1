use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header},
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use tokio::time;

use super::{concurrency::Admitted, rejection::Refusal};

/// Bytes of a body.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// Time for the whole body, so that one byte now and then holds nothing for long.
const DEADLINE: Duration = Duration::from_secs(15);
/// A sender should come back when others' bodies have gone through.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Media types that an event may come as. Many a script sends none.
const TYPES: [&str; 3] = [
    "application/json",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
];

/// Refuses by the headers what need not be read.
pub(super) fn check_headers(headers: &HeaderMap) -> Result<(), Refusal> {
    let unsupported = |message: String| {
        Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            message,
        )
        .closing()
    };
    // The binary mode of CloudEvents: the body is the data alone, and would be read as an event.
    if let Some(name) = headers.keys().find(|name| name.as_str().starts_with("ce-")) {
        return Err(unsupported(format!(
            "events in the binary mode of CloudEvents (the header {name}) are not taken: send the whole event as the \
             JSON body (application/cloudevents+json), and no header that begins with ce-"
        )));
    }
    if let Some(value) = headers.get(header::CONTENT_TYPE) {
        let media = value
            .to_str()
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        if !TYPES.iter().any(|known| known.eq_ignore_ascii_case(media)) {
            return Err(unsupported(
                "the content type must be application/json".to_owned(),
            ));
        }
    }
    if let Some(value) = headers.get(header::CONTENT_ENCODING)
        && value != "identity"
    {
        return Err(unsupported("the body must not be compressed".to_owned()));
    }
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| usize::try_from(bytes).is_ok_and(|bytes| bytes > MOST_BYTES)) {
        return Err(too_large());
    }
    Ok(())
}

/// Reads a body within its bounds.
pub(super) async fn read(body: Body, admitted: &mut Admitted) -> Result<Bytes, Refusal> {
    let reading = async {
        let mut chunks = body.into_data_stream();
        let mut whole = BytesMut::new();
        while let Some(chunk) = chunks.next().await {
            let chunk =
                chunk.map_err(|_| Refusal::bad("incomplete_body", "the body ended too early").closing())?;
            if whole.len() + chunk.len() > MOST_BYTES {
                return Err(too_large());
            }
            if !admitted.grow(chunk.len()) {
                return Err(Refusal::unavailable("too many large requests at once", RETRY_AFTER).closing());
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    };
    match time::timeout(DEADLINE, reading).await {
        Ok(read) => read,
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            format!("the body did not arrive within {} s", DEADLINE.as_secs()),
        )
        .closing()),
    }
}

fn too_large() -> Refusal {
    Refusal::too_large(
        "body_too_large",
        format!("at most {MOST_BYTES} bytes are taken in one request"),
    )
    .closing()
}
