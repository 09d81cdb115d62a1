//! Reads request bodies: JSON, of bounded length, within a bounded time.

use std::time::Duration;

use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{Fault, Result};

/// Longest time for a body to arrive.
const DEADLINE: Duration = Duration::from_secs(10);

/// Reads the whole body of a request that says it is JSON, or does not say what it is.
pub(crate) async fn read_json_body(request: Request, limit: usize) -> Result<Bytes> {
    check_content_type(request.headers())?;
    match tokio::time::timeout(DEADLINE, collect(request, limit)).await {
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
    let mut body = BytesMut::new();
    let mut stream = request.into_body().into_data_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| {
            Fault::new(400, "body_incomplete", "the body ended before it was complete").with_cause(error)
        })?;
        if body.len() + chunk.len() > limit {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Reads JSON into a type. `what` is the code of a refusal for well-formed JSON of the wrong shape.
pub(crate) fn from_json<T: DeserializeOwned>(body: &[u8], what: &'static str) -> Result<T> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        refusal(error.inner(), &path, what)
    })?;
    json.end().map_err(|error| refusal(&error, ".", what))?;
    Ok(value)
}

fn refusal(error: &serde_json::Error, path: &str, what: &'static str) -> Fault {
    if !error.is_data() {
        let message = format!("the body is not JSON: {error}");
        return Fault::new(400, "invalid_json", message);
    }
    let reason = without_position(&without_text(&error.to_string()));
    // The path is "." for the whole body.
    let message = if path == "." {
        reason.clone()
    } else {
        format!("at `{path}`: {reason}")
    };
    Fault::new(422, what, message).with_details(json!({ "path": path, "message": reason }))
}

/// Serde repeats a text that does not fit; it may be a password, and refusals end up in logs.
fn without_text(message: &str) -> String {
    for kind in ["invalid type: string ", "invalid value: string "] {
        if let (Some(rest), Some(expected)) = (message.strip_prefix(kind), message.rfind(", expected ")) {
            debug_assert!(rest.starts_with('"'), "serde quotes texts");
            return format!(
                "{}{}",
                kind.trim_end(),
                message.get(expected..).unwrap_or_default()
            );
        }
    }
    message.to_owned()
}

/// The path says where; a line and column within what a program has written helps nobody.
fn without_position(message: &str) -> String {
    match message.rsplit_once(" at line ") {
        Some((reason, position)) if position.starts_with(|c: char| c.is_ascii_digit()) => reason.to_owned(),
        _ => message.to_owned(),
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
