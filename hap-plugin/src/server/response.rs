//! A [`Fault`] on its way to the caller.

use axum::Json;
use axum::response::{IntoResponse, Response};
use hap_manifest::wire::WireError;
use http::{HeaderValue, StatusCode, header};

use crate::error::Fault;

/// The answer `{"success": false, "error": ..., "code": ..., "details": ...}`, so that handlers of
/// routes of one's own may end with a [`Result`](crate::Result). What belongs into the log is
/// logged.
impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let fault = self.into_logged();
        let status = StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut error = WireError::new(fault.message()).with_code(fault.code());
        error.details = fault.details().cloned();
        let mut response = (status, Json(error)).into_response();
        #[cfg(feature = "testing")]
        if let Some(cause) = HiddenCause::of(&fault) {
            response.extensions_mut().insert(cause);
        }
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

/// What the log tells of a failure and the answer does not, for a test. It goes with the answer and
/// not on the wire.
#[cfg(feature = "testing")]
#[derive(Debug, Clone)]
pub(crate) struct HiddenCause(pub(crate) String);

#[cfg(feature = "testing")]
impl HiddenCause {
    fn of(fault: &Fault) -> Option<Self> {
        (fault.status() == 500 || fault.cause().is_some()).then(|| Self(fault.report_with_place()))
    }
}
