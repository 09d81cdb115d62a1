//! Bodies of requests: JSON of bounded length, within a bounded time.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use hap_manifest::wire::oversized_integer;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{error::Refusal, state::Api};

/// Largest JSON body: what is sent to a plugin is no larger either.
const JSON_BYTES: u64 = 1 << 20;
/// Time for a whole JSON body.
const JSON_DEADLINE: Duration = Duration::from_secs(15);
/// Largest body of a call that takes none.
const EMPTY_BYTES: u64 = 64;

pub(super) const JSON: &str = "application/json";
pub(super) const ZIP: &str = "application/zip";
/// Of a package too: programs that are generated from the document know it.
pub(super) const BYTES: &str = "application/octet-stream";

/// A JSON body of this type.
#[derive(Debug)]
pub(super) struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Api> for JsonBody<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Refusal> {
        let body = parsed(&read_json(request).await?)?;
        if !body.is_object() {
            // A list would be read as the values of the fields, in their order.
            return Err(misfit(".", "it has to be a JSON object"));
        }
        from_json(body).map(Self)
    }
}

/// A JSON body of whatever it is.
#[derive(Debug)]
pub(super) struct AnyJsonBody(pub Value);

impl FromRequest<Api> for AnyJsonBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Refusal> {
        parsed(&read_json(request).await?).map(Self)
    }
}

/// The bytes of a JSON body, whatever is in it.
pub(super) async fn read_json(request: Request) -> Result<Bytes, Refusal> {
    read(request, JSON_BYTES).await
}

/// Reads the body of a call that takes none: nothing, or an empty object.
pub(super) async fn read_nothing(request: Request) -> Result<(), Refusal> {
    let body = read(request, EMPTY_BYTES).await?;
    let body = body.trim_ascii();
    if body.is_empty() || body == b"{}" {
        return Ok(());
    }
    Err(Refusal::unfit(
        "invalid_body",
        "this call takes nothing in its body: leave it empty, or send {}",
    ))
}

/// The media type of a request without its parameters, in small letters.
pub(super) fn media(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?;
    let text = String::from_utf8_lossy(value.as_bytes());
    Some(
        text.split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase(),
    )
}

/// Refuses by the headers what is longer than allowed.
pub(super) fn check_length(headers: &HeaderMap, most: u64) -> Result<(), Refusal> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > most) {
        return Err(too_large(most));
    }
    Ok(())
}

/// The pieces of a body, refused as soon as they are more than allowed, and when they do
/// not come in time.
pub(super) struct Pieces {
    body: axum::body::BodyDataStream,
    most: u64,
    came: u64,
    until: tokio::time::Instant,
    limit: Duration,
}

impl Pieces {
    pub(super) fn of(body: Body, most: u64, limit: Duration) -> Self {
        Self {
            body: body.into_data_stream(),
            most,
            came: 0,
            until: tokio::time::Instant::now() + limit,
            limit,
        }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        let next = tokio::time::timeout_at(self.until, self.body.next());
        let piece = next.await.map_err(|_| {
            Refusal::new(
                StatusCode::REQUEST_TIMEOUT,
                "body_too_slow",
                format!("the body did not arrive within {:?}", self.limit),
            )
            .closing()
        })?;
        let Some(piece) = piece else { return Ok(None) };
        let piece = piece.map_err(|_| {
            Refusal::bad("body_incomplete", "the body ended before it was complete").closing()
        })?;
        self.came += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        if self.came > self.most {
            return Err(too_large(self.most));
        }
        Ok(Some(piece))
    }
}

async fn read(request: Request, most: u64) -> Result<Bytes, Refusal> {
    check_length(request.headers(), most)?;
    let mut pieces = Pieces::of(request.into_body(), most, JSON_DEADLINE);
    let mut whole = BytesMut::new();
    while let Some(piece) = pieces.next().await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// Reads JSON into a type: malformed JSON is 400, JSON of another shape 422 with the place.
///
/// In two steps, because a parser that knows the type calls some of the latter malformed.
fn parsed(body: &[u8]) -> Result<Value, Refusal> {
    // RFC 8259, section 8.1, lets a reader pass over a byte order mark.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let value = serde_json::from_slice(body)
        .map_err(|error| Refusal::bad("invalid_json", format!("the body is not JSON: {error}")))?;
    match oversized_integer(body) {
        None => Ok(value),
        Some(at) => Err(Refusal::bad(
            "number_too_large",
            format!(
                "the integer at byte {at} has more digits than 64 bits hold and would lose its last ones: write it as \
                 a string"
            ),
        )),
    }
}

fn from_json<T: DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let (path, reason) = (error.path().to_string(), error.inner().to_string());
        misfit(&path, &reason)
    })
}

/// JSON that is not what is asked for, and where.
pub(super) fn misfit(path: &str, reason: &str) -> Refusal {
    let message = if path == "." {
        format!("the body: {reason}")
    } else {
        format!("the body at `{path}`: {reason}")
    };
    Refusal::unfit("invalid_body", message).with_details(json!({ "path": path, "message": reason }))
}

fn too_large(most: u64) -> Refusal {
    let message = format!("the body may have at most {most} bytes");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
        .with_details(json!({ "most": most }))
        .closing()
}
