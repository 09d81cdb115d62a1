//! [`Refusal`]: a [`Fault`] on its way to the caller.

use axum::Json;
use axum::response::{IntoResponse, Response};
use hap_manifest::wire::WireError;
use http::{HeaderValue, StatusCode, header};

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
        let fault = self.0.into_logged();
        let status = StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut error = WireError::new(fault.message()).with_code(fault.code());
        error.details = fault.details().cloned();
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
