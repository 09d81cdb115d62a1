//! What is refused, and the one place where a failure gets its HTTP status.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use hap_manifest::wire::WireError;
use serde_json::{Map, Value, json};

use super::view::{access::RefusalReason, failure::FailureView};
use crate::error::{Error, ErrorKind};

/// Who says no: without it a plugin could answer what looks like a failure of the way to it.
const REFUSED_BY: &str = "refused_by";
/// Characters of a caller's text that are repeated in a message.
const QUOTED: usize = 80;

/// The HTTP status of a failed call. [`Error::kind`] is the refusal's `code`.
///
/// A plugin's own refusal keeps the status that it came with, see [`Refusal::of_plugin`].
pub(super) const fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::NotPermitted => StatusCode::FORBIDDEN,
        ErrorKind::NotInstalled => StatusCode::NOT_FOUND,
        ErrorKind::AlreadyInstalled
        | ErrorKind::NotRunning
        | ErrorKind::Dependency
        | ErrorKind::PublisherChanged
        | ErrorKind::ForeignData => StatusCode::CONFLICT,
        ErrorKind::Gone => StatusCode::GONE,
        ErrorKind::InvalidInput | ErrorKind::Image | ErrorKind::Rejected => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Busy => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Store => StatusCode::INTERNAL_SERVER_ERROR,
        // The plugin is what this API is a gateway to.
        ErrorKind::Failed | ErrorKind::Unreachable | ErrorKind::Interrupted | ErrorKind::InvalidReply => {
            StatusCode::BAD_GATEWAY
        }
        ErrorKind::Engine | ErrorKind::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
    }
}

/// An answer that says no, in the shape of every refusal on the wire.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    body: Box<WireError>,
    retry_after: Option<Duration>,
    close: bool,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let mut body = WireError::new(message).with_code(code);
        body.extra.insert(REFUSED_BY.to_owned(), json!("host"));
        Self {
            status,
            body: Box::new(body),
            retry_after: None,
            close: false,
        }
    }

    pub(super) fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// Well-formed, and not what is asked for.
    pub(super) fn unfit(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
    }

    pub(super) fn too_many(code: &str, message: impl Into<String>) -> Self {
        let mut refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, code, message);
        refusal.retry_after = Some(Duration::from_secs(1));
        refusal
    }

    pub(super) fn unknown_plugin(id: &str) -> Self {
        let message = format!(
            "no plugin {} is installed: GET /v1/plugins lists those that are",
            quoted(id)
        );
        Self::new(StatusCode::NOT_FOUND, ErrorKind::NotInstalled.as_str(), message)
    }

    pub(super) fn shutting_down() -> Self {
        let kind = ErrorKind::ShuttingDown;
        Self::new(status(kind), kind.as_str(), "the supervisor shuts down")
    }

    pub(super) fn with_details(mut self, details: Value) -> Self {
        self.body = Box::new((*self.body).with_details(details));
        self
    }

    /// Ends the connection: what is left of the request's body is not read.
    pub(super) const fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// What it says.
    pub(super) const fn body(&self) -> &WireError {
        &self.body
    }

    /// A plugin's own refusal, with its own words, code, details and status.
    ///
    /// The exceptions are statuses that are no refusal, or that speak of the credentials of whoever
    /// called: those are the host's towards the plugin, and a browser would sign its user out.
    fn of_plugin(wire: WireError, answered: u16) -> Self {
        let kept = match answered {
            401 | 407 => StatusCode::BAD_GATEWAY,
            400..=599 => StatusCode::from_u16(answered).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY),
            _ => status(ErrorKind::Rejected),
        };
        let mut body = wire;
        body.success = false;
        if body.error.is_empty() {
            "the plugin refused without saying why".clone_into(&mut body.error);
        }
        body.extra.insert(REFUSED_BY.to_owned(), json!("plugin"));
        body.extra.insert("plugin_status".to_owned(), json!(answered));
        Self {
            status: kept,
            body: Box::new(body),
            retry_after: None,
            close: false,
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let kind = error.kind();
        if kind == ErrorKind::Rejected
            && let Some(wire) = error.wire()
        {
            return Self::of_plugin(wire.clone(), error.http_status().unwrap_or_default());
        }
        let mut refusal = Self::new(status(kind), kind.as_str(), error.report());
        let mut details = Map::new();
        if !error.violations().is_empty() {
            let reasons: Vec<_> = error.violations().iter().map(RefusalReason::of).collect();
            details.insert("refusals".to_owned(), json!(reasons));
        }
        if let Some(failure) = error.failure() {
            details.insert("failure".to_owned(), json!(FailureView::from(failure.clone())));
        }
        if !details.is_empty() {
            refusal = refusal.with_details(details.into());
        }
        refusal.retry_after = match kind {
            ErrorKind::Busy => Some(Duration::from_secs(1)),
            ErrorKind::Engine => Some(Duration::from_secs(5)),
            _ => None,
        };
        refusal
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(*self.body)).into_response();
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// A caller's text for a message: shortened, on one line, in quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(QUOTED).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    format!("{short:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kind after this one; without a wildcard, so that a new kind has to be placed here and
    /// in the document.
    const fn next(kind: ErrorKind) -> Option<ErrorKind> {
        Some(match kind {
            ErrorKind::InvalidInput => ErrorKind::Engine,
            ErrorKind::Engine => ErrorKind::Image,
            ErrorKind::Image => ErrorKind::NotInstalled,
            ErrorKind::NotInstalled => ErrorKind::AlreadyInstalled,
            ErrorKind::AlreadyInstalled => ErrorKind::NotRunning,
            ErrorKind::NotRunning => ErrorKind::Failed,
            ErrorKind::Failed => ErrorKind::Gone,
            ErrorKind::Gone => ErrorKind::Busy,
            ErrorKind::Busy => ErrorKind::Timeout,
            ErrorKind::Timeout => ErrorKind::Unreachable,
            ErrorKind::Unreachable => ErrorKind::Interrupted,
            ErrorKind::Interrupted => ErrorKind::Rejected,
            ErrorKind::Rejected => ErrorKind::InvalidReply,
            ErrorKind::InvalidReply => ErrorKind::NotPermitted,
            ErrorKind::NotPermitted => ErrorKind::PublisherChanged,
            ErrorKind::PublisherChanged => ErrorKind::ForeignData,
            ErrorKind::ForeignData => ErrorKind::Dependency,
            ErrorKind::Dependency => ErrorKind::Store,
            ErrorKind::Store => ErrorKind::ShuttingDown,
            ErrorKind::ShuttingDown => return None,
        })
    }

    #[test]
    fn every_kind_of_failure_has_the_status_that_the_document_says() {
        let document = include_str!("../../../docs/management-api.md");
        let mut kind = Some(ErrorKind::InvalidInput);
        let mut seen = 0;
        while let Some(this) = kind {
            let refusal = Refusal::from(Error::new(this, "no"));
            assert_eq!(refusal.status, status(this));
            assert_eq!(refusal.body.code.as_deref(), Some(this.as_str()));
            assert!(refusal.status.is_client_error() || refusal.status.is_server_error());
            if this != ErrorKind::Rejected {
                let row = format!("| `{}` | {} |", this.as_str(), refusal.status.as_u16());
                assert!(document.contains(&row), "docs/management-api.md lacks {row}");
            }
            seen += 1;
            kind = next(this);
        }
        assert_eq!(seen, 20);
    }

    #[test]
    fn a_plugins_refusal_is_passed_on_and_marked_as_its_own() {
        for (answered, status) in [
            (400, 400),
            (404, 404),
            (418, 418),
            (502, 502),
            (504, 504),
            (200, 422),
            (401, 502),
            (407, 502),
        ] {
            let mut wire = WireError::new("too bright").with_code("unreachable");
            wire.extra.insert(REFUSED_BY.to_owned(), json!("host"));
            let error = Error::new(ErrorKind::Rejected, "refused")
                .with_wire(wire)
                .with_http_status(answered);
            let refusal = Refusal::from(error);
            assert_eq!(refusal.status.as_u16(), status, "{answered}");
            assert_eq!(refusal.body.extra[REFUSED_BY], "plugin");
            assert_eq!(refusal.body.extra["plugin_status"], answered);
            assert_eq!(refusal.body.code.as_deref(), Some("unreachable"));
        }
    }

    #[test]
    fn a_plugin_that_says_yes_and_no_at_once_says_no() {
        let mut wire = WireError::new("");
        wire.success = true;
        let refusal = Refusal::of_plugin(wire, 500);
        assert!(!refusal.body.success && !refusal.body.error.is_empty());
    }

    #[test]
    fn a_callers_text_is_repeated_in_part_and_on_one_line() {
        assert_eq!(quoted("a\nb"), r#""a\nb""#);
        assert!(quoted(&"x".repeat(1_000)).len() < 100);
    }
}
