//! Reads request bodies: JSON, of bounded length, within a bounded time.

use std::fmt;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use serde_json::json;
use serde_path_to_error::Segment;

use crate::guard::begin;
use crate::wire::Map;
use crate::{Fault, Result, redact};

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

/// Reads JSON into a type. `what` is the code of a refusal for well-formed JSON of the wrong shape.
pub(crate) fn from_json<T: DeserializeOwned>(body: &[u8], what: &'static str) -> Result<T> {
    let refusal = |error: serde_json::Error, mismatch: Mismatch| {
        if error.is_data() {
            mismatch.into_fault(what)
        } else {
            Fault::new(400, "invalid_json", format!("the body is not JSON: {error}"))
        }
    };
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let mismatch = Mismatch::of(&error);
        refusal(error.into_inner(), mismatch)
    })?;
    json.end().map_err(|error| {
        let mismatch = Mismatch::at_root(&error);
        refusal(error, mismatch)
    })?;
    Ok(value)
}

/// Reads an object into a type.
pub(crate) fn from_object<T: DeserializeOwned>(object: &Map) -> Result<T, Mismatch> {
    serde_path_to_error::deserialize(object).map_err(|error| Mismatch::of(&error))
}

/// What of well-formed JSON does not fit a type, and where.
#[derive(Debug)]
pub(crate) struct Mismatch {
    /// Such as `scenes[1].room`; `.` for the whole.
    path: String,
    /// The key of the outermost object that it is about.
    pub(crate) key: Option<String>,
    reason: String,
}

impl Mismatch {
    fn of(error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let key = error.path().iter().next().and_then(|segment| match segment {
            Segment::Map { key } => Some(key.clone()),
            _ => None,
        });
        let whole = Self::at_root(error.inner());
        Self {
            path: error.path().to_string(),
            key: key.or(whole.key),
            reason: whole.reason,
        }
    }

    fn at_root(error: &serde_json::Error) -> Self {
        let reason = redact::without_value(&error.to_string());
        let unknown = reason.strip_prefix("unknown field `");
        let unknown = unknown.and_then(|rest| rest.split_once('`'));
        Self {
            path: ".".to_owned(),
            key: unknown.map(|(key, _)| key.to_owned()),
            reason,
        }
    }

    /// Whether all that is wrong is something missing in the outermost object.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.path == "." && self.reason.starts_with("missing field ")
    }

    pub(crate) fn into_fault(self, what: &'static str) -> Fault {
        Fault::new(422, what, self.to_string())
            .with_details(json!({ "path": self.path, "message": self.reason }))
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path == "." {
            f.write_str(&self.reason)
        } else {
            write!(f, "at `{}`: {}", self.path, self.reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Login {
        #[expect(dead_code, reason = "only read")]
        port: u16,
    }

    fn refuse(body: &str) -> Fault {
        from_json::<Login>(body.as_bytes(), "invalid_config").unwrap_err()
    }

    #[test]
    fn a_text_that_does_not_fit_is_not_repeated() {
        let fault = refuse(r#"{"port": "hunter2, expected x"}"#);
        assert_eq!(fault.message(), "at `port`: invalid type: string, expected u16");
        assert_eq!(fault.details().unwrap()["path"], "port");
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        #[expect(dead_code, reason = "only read")]
        login: Login,
    }

    #[test]
    fn a_mismatch_knows_the_outermost_key() {
        for (object, key, incomplete) in [
            (json!({"login": {"port": "x"}}), Some("login"), false),
            (json!({"login": {}}), Some("login"), false),
            (json!({"log": 1}), Some("log"), false),
            (json!({}), None, true),
        ] {
            let mismatch = from_object::<Strict>(object.as_object().unwrap()).unwrap_err();
            assert_eq!(mismatch.key.as_deref(), key, "{mismatch}");
            assert_eq!(mismatch.is_incomplete(), incomplete, "{mismatch}");
        }
    }

    #[test]
    fn broken_json_is_told_from_json_of_another_shape() {
        for (body, status) in [
            ("", 400),
            ("{", 400),
            ("{} {}", 422),
            (r#"{"port":1} x"#, 400),
            ("[]", 422),
        ] {
            assert_eq!(refuse(body).status(), status, "{body}");
        }
    }
}
