//! [`Refusal`]: a [`Fault`] on its way to the caller.

use axum::Json;
use axum::response::{IntoResponse, Response};
use hap_manifest::wire::WireError;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use uuid::Uuid;

use crate::Fault;

/// The answer `{"success": false, "error": ..., "code": ..., "details": ...}`.
pub(crate) struct Refusal(pub(crate) Fault);

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(fault) = self;
        let status = StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut error = WireError::new(fault.message()).with_code(fault.code());
        error.details = fault.details().cloned();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            // The caller gets an id instead of the cause, to be found in the log.
            let id = Uuid::now_v7().simple().to_string();
            tracing::error!(error_id = %id, code = fault.code(), "failed: {}", fault.report());
            match &mut error.details {
                Some(serde_json::Value::Object(details)) => {
                    details.insert("error_id".to_owned(), id.into());
                }
                Some(_) => {}
                details @ None => *details = Some(json!({ "error_id": id })),
            }
        } else if fault.cause().is_some() {
            tracing::warn!(code = fault.code(), "refused: {}", fault.report());
        }
        let mut response = (status, Json(error)).into_response();
        if let Some(after) = fault.retry_after() {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
